/* SPDX-License-Identifier: MIT */
#pragma once
/*
 * A file of names such as /etc/hosts (--hosts-file) in which this process keeps a block of its own while it lives
 * (client/local/hosts_text). It is replaced as a whole, so that nobody reads half of it, and keeps its mode and
 * owner; only where it cannot be replaced, as in a container whose runtime has mounted it, it is written in its
 * place. Several processes may have blocks in one file: each waits for the others' locks.
 */
#include "base/error.h"
#include "client/local/hosts_text.h"
#include "loop/offload.h"

/* A lock is held for as long as a small file takes to be written; who holds it for longer means no good, µs. */
#define HOSTS_FILE_LOCK_TIME CLOCK_S
/* How often a file that could not be written is tried again. */
#define HOSTS_FILE_RETRY     (10 * CLOCK_S)
/* Bytes that are read: lists of names to be blocked have some megabytes. */
#define HOSTS_FILE_MAX       (64u << 20)

struct hosts_job;

struct hosts_file {
	struct loop *loop;
	struct offload *offload;
	char *path;
	struct hosts_entry *entries; /* what is to be there; owned with its texts */
	size_t n;
	struct hosts_job *job; /* that is under way; NULL: none */
	bool stale;            /* the entries have changed since it began, or it failed */
	bool written;          /* a block of ours may be there */
	bool failed_said;
	struct loop_timer retry;
};

/* 0 or -ENOMEM. Nothing is read yet. */
int hosts_file_init(struct hosts_file *h, struct loop *loop, struct offload *offload,
	const char *path);

/*
 * Makes these the entries, of which it takes copies; what is written is written by a helper thread. A failure is
 * logged once, and tried again.
 */
void hosts_file_set(struct hosts_file *h, const struct hosts_entry *entries, size_t n);

/* Takes the block out, and waits for that. Accepts zeroed memory. */
void hosts_file_deinit(struct hosts_file *h);

/* Whether it could be read and written. 0, or -errno with a sentence. */
int hosts_file_check(const char *path, struct error *err);

/*
 * What the thread does: writes the block of `pid` into the file now. 0, or -errno with a sentence; -ECANCELED and
 * nothing written when `cancelled` (or NULL) is set by the time that it has the lock.
 */
int hosts_file_write(const char *path, pid_t pid, const struct hosts_entry *entries, size_t n,
	const atomic_bool *cancelled, struct error *err);
