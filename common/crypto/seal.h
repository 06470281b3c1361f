/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * The cipher of one direction of a link after the handshake: a Noise CipherState (revision 34,
 * sections 5.1 and 11.3) with ChaChaPoly or AESGCM (12.3, 12.4) and no associated data. A message is
 * sealed where it lies; its number is its nonce, so messages are opened in the order they were sealed,
 * or not at all.
 *
 * Both ends replace the key by Noise's Rekey() behind every SEAL_REKEY_EVERY-th message, counted
 * and not signalled (rule 16 of docs/protocol.md): a key that leaks opens nothing older than that.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEAL_KEY_SIZE 32
#define SEAL_TAG_SIZE 16

/* Bytes of plain text in one message: Noise's 65,535 less the tag. */
#define SEAL_PLAIN_MAX (65535 - SEAL_TAG_SIZE)

/* Messages per key. At 64 KiB each a key covers 256 MiB; a rekey costs about two small messages. */
#define SEAL_REKEY_EVERY 4096

/*
 * Datagrams per key: below the 2^24.5 that RFC 9147, section 4.5.3, allows AES-GCM with records of 16 KiB; so a flow
 * may go on for as long as anybody likes. The receiver knows by the number which key it takes.
 */
#define SEAL_DATAGRAMS_PER_KEY (UINT64_C(1) << 24)

/* The message is not what the other side sealed at this place. Of messages in order: the link is over. */
#define SEAL_E_AUTH 1

/* By Noise's names. AES takes instructions for it: without, it is slow, and its time tells the key. */
enum seal_suite { SEAL_CHACHAPOLY, SEAL_AESGCM };

/* Whether this processor has them; asked after crypto_start(). */
bool seal_has_aes(void);

struct evp_cipher_ctx_st;
struct crypto_aead_aes256gcm_state_;

/* Embedded; used for sealing or for opening, never both. */
struct seal {
	struct evp_cipher_ctx_st *cipher;
	struct crypto_aead_aes256gcm_state_
		*aes; /* SEAL_AESGCM's key schedule, for short messages */
	enum seal_suite suite;
	uint64_t n; /* number of the next message, or of one with this key; not reset by a rekey */
	uint8_t key[SEAL_KEY_SIZE]; /* kept for the next rekey */
};

/* Takes a copy of the key. -ENOMEM, or -ENOTSUP when OpenSSL or the processor has no such cipher. */
int seal_init(struct seal *seal, enum seal_suite suite, const uint8_t key[SEAL_KEY_SIZE]);
/* Wipes the keys, the libraries' copies included; accepts NULL and zeroed memory. */
void seal_deinit(struct seal *seal);

/*
 * Noise's ENCRYPT and DECRYPT of a single message with associated data, as the handshake and Rekey()
 * use them. `out` has room for the tag and does not overlap `p`.
 */
void seal_once(enum seal_suite suite, const uint8_t key[SEAL_KEY_SIZE], uint64_t number,
	const void *ad, size_t n_ad, const void *p, size_t n, uint8_t *out);
/* `n` with the tag. 0 or SEAL_E_AUTH. */
int seal_open_once(enum seal_suite suite, const uint8_t key[SEAL_KEY_SIZE], uint64_t number,
	const void *ad, size_t n_ad, const uint8_t *p, size_t n, uint8_t *out);

/*
 * Seals `n` bytes at `p` in place and puts SEAL_TAG_SIZE bytes behind them, for which the caller
 * has left room. -EMSGSIZE above SEAL_PLAIN_MAX; -EIO when OpenSSL fails: the link must end.
 */
int seal_encrypt(struct seal *seal, uint8_t *p, size_t n);

/*
 * Opens `n` bytes at `p`, tag included, in place: n - SEAL_TAG_SIZE bytes of plain text remain. On
 * SEAL_E_AUTH (too short, too long, wrong tag) `p` holds zeros. -EIO as above.
 */
int seal_decrypt(struct seal *seal, uint8_t *p, size_t n);

/*
 * For datagrams, which may be lost and overtake each other: the number goes with each. A seal is used for these or for
 * messages in order, never for both. As seal_encrypt(); `number_out` is the datagram's.
 */
int seal_encrypt_datagram(struct seal *seal, uint8_t *p, size_t n, uint64_t *number_out);

/*
 * As seal_decrypt(); whether `number` came before is the caller's to know (crypto/replay_window.h), and a datagram that
 * does not open changes nothing. When the first of a new key was opened, those of the key before it do not any more;
 * nor do those of a key after the next.
 */
int seal_decrypt_datagram(struct seal *seal, uint64_t number, uint8_t *p, size_t n);
