/* SPDX-License-Identifier: MIT */
/*
 * A certificate that is not valid today: is it the certificate, or the clock here? Both times are said; what
 * the other side's clock says, where it is heard, decides.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tls/tls_internal.h"

/* Nobody's clock is right that says a time before this was written: 2026-11-01, seconds since 1970. */
#define WRITTEN_AT INT64_C(1793491200)

/* Seconds by which two clocks may differ without one of them being to blame. */
#define CLOCKS_DIFFER 60

static int64_t seconds(const ASN1_TIME *time)
{
	struct tm tm;
	return time && ASN1_TIME_to_tm(time, &tm) ? (int64_t)timegm(&tm) : 0;
}

void tls_dates_of(X509 *x, struct tls_dates *out)
{
	tls_names(x, out->names);
	out->from = seconds(X509_get0_notBefore(x));
	out->to = seconds(X509_get0_notAfter(x));
}

const char *tls_moment(int64_t at, char out[TLS_MOMENT_SIZE])
{
	time_t t = (time_t)at;
	struct tm tm;
	if (!gmtime_r(&t, &tm) || !strftime(out, TLS_MOMENT_SIZE, "%Y-%m-%d at %H:%M UTC", &tm))
		snprintf(out, TLS_MOMENT_SIZE, "an unknown day");
	return out;
}

void tls_complain_of_dates(struct tls *tls, X509 *x, bool ca)
{
	struct tls_dates d;
	char then[TLS_MOMENT_SIZE], here[TLS_MOMENT_SIZE], fact[TLS_NAMES_SIZE + 160];
	int64_t now = (int64_t)time(NULL);
	tls_dates_of(x, &d);
	bool ended = now > d.to;
	snprintf(fact, sizeof fact,
		"%s certificate %s on %s (it is for %s); the clock here says %s",
		ca ? "its CA's" : "its", ended ? "ended" : "begins",
		tls_moment(ended ? d.to : d.from, then), d.names, tls_moment(now, here));
	tls_complain(tls, "%s%s", fact,
		now < WRITTEN_AT ? ", which is wrong: set it"
		: ended          ? ": it has to be renewed there, unless this clock is ahead"
				 : ": it is not valid yet, unless this clock is behind");
	tls->valid_from = d.from;
	tls->valid_to = d.to;
	tls->fact_n = strlen(fact);
}

void tls_told_time(struct tls *tls, int64_t there)
{
	char theirs[TLS_MOMENT_SIZE], *text;
	int64_t now = (int64_t)time(NULL);
	if (!tls->valid_to || there < tls->valid_from || there > tls->valid_to ||
		llabs(there - now) < CLOCKS_DIFFER)
		return;
	if (asprintf(&text, "%.*s, and the one there %s, when it is valid: set the clock here",
		    (int)tls->fact_n, tls->complaint, tls_moment(there, theirs)) < 0)
		return;
	tls_complain_instead(tls, text);
	tls->valid_to = 0; /* it is said once */
}
