/* SPDX-License-Identifier: MIT */
/*
 * All times are microseconds since 1970, in UTC. "rev" is the store's revision at which the row changed last,
 * "digest" what store_digest() makes of it.
 */
#include "store/store_schema.h"

#include "store/store_links.h"

#define ROW "rev INTEGER NOT NULL, digest INTEGER NOT NULL"

static const char version_1[] =
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL, digest INTEGER NOT NULL)"
	" STRICT;"

	/* next_link: numbers of endpoints, never given twice */
	"CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;"
	"INSERT INTO counters VALUES ('rev', 0), ('next_link', 1);"

	"CREATE TABLE identities ("
	"  id INTEGER PRIMARY KEY,"
	"  name TEXT NOT NULL UNIQUE,"
	"  state INTEGER NOT NULL," /* 1 active, 2 revoked */
	"  operator INTEGER NOT NULL DEFAULT 0,"
	"  description TEXT NOT NULL DEFAULT '',"
	"  max_sessions INTEGER, max_streams INTEGER, max_endpoints INTEGER," /* null: the server's */
	"  rate_up INTEGER, rate_down INTEGER," /* bytes a second; null: none */
	"  expires_at INTEGER,"
	"  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL," ROW ") STRICT;"
	"CREATE INDEX identities_rev ON identities(rev);"

	/* Of the identity's value: read and written with it, under its revision and digest. */
	"CREATE TABLE grants ("
	"  identity INTEGER NOT NULL REFERENCES identities(id) ON DELETE CASCADE,"
	"  kind INTEGER NOT NULL," /* enum policy_grant_kind */
	"  value TEXT NOT NULL,"
	"  PRIMARY KEY (identity, kind, value)) STRICT, WITHOUT ROWID;"

	"CREATE TABLE credentials ("
	"  key_id BLOB PRIMARY KEY,"
	"  identity INTEGER NOT NULL REFERENCES identities(id) ON DELETE CASCADE,"
	"  psk BLOB NOT NULL," /* emptied when it is revoked */
	"  label TEXT NOT NULL DEFAULT '',"
	"  created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER,"
	"  last_used_at INTEGER," ROW ","
	"  CHECK (length(key_id) = 8 AND (length(psk) = 32 OR revoked_at IS NOT NULL)))"
	" STRICT, WITHOUT ROWID;"
	"CREATE INDEX credentials_identity ON credentials(identity);"
	"CREATE INDEX credentials_rev ON credentials(rev);"

	"CREATE TABLE private_services ("
	"  id INTEGER PRIMARY KEY,"
	"  name TEXT NOT NULL UNIQUE, tag TEXT NOT NULL UNIQUE,"
	"  owner INTEGER NOT NULL REFERENCES identities(id),"
	"  kind INTEGER NOT NULL,"               /* 1 tcp, 2 udp */
	"  visibility TEXT NOT NULL DEFAULT ''," /* names with commas between; '*'; '': the owner alone */
	"  auto_approval TEXT NOT NULL DEFAULT '',"
	"  e2e_key BLOB," /* null: not end to end */
	"  display TEXT NOT NULL, fqdns TEXT NOT NULL DEFAULT '',"
	"  managed INTEGER NOT NULL DEFAULT 0," /* the store's lists win over the client's */
	"  state INTEGER NOT NULL DEFAULT 1,"   /* 1 there, 2 deleted but for its endpoints */
	"  description TEXT NOT NULL DEFAULT '',"
	"  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL," ROW ") STRICT;"
	"CREATE INDEX private_services_owner ON private_services(owner);"
	"CREATE INDEX private_services_rev ON private_services(rev);"

	"CREATE TABLE endpoints ("
	"  id INTEGER PRIMARY KEY,"
	"  uid BLOB NOT NULL UNIQUE, link INTEGER NOT NULL UNIQUE,"
	"  service INTEGER NOT NULL REFERENCES private_services(id),"
	"  consumer INTEGER NOT NULL REFERENCES identities(id),"
	"  name TEXT NOT NULL,"
	"  state INTEGER NOT NULL,"         /* 1 Pending, 2 Approved, 3 Rejected, 4 Disconnected */
	"  how INTEGER NOT NULL DEFAULT 0," /* 0 not, 1 manual, 2 auto, 3 owner */
	"  description TEXT NOT NULL DEFAULT ''," /* the approver's */
	"  message TEXT NOT NULL DEFAULT '',"     /* the consumer's */
	"  e2e_key BLOB,"
	"  decided_by TEXT NOT NULL DEFAULT '',"
	"  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, last_used_at INTEGER," ROW ","
	"  UNIQUE (service, consumer, name)) STRICT;"
	"CREATE INDEX endpoints_consumer ON endpoints(consumer);"
	"CREATE INDEX endpoints_rev ON endpoints(rev);"

	"CREATE TABLE intentions ("
	"  id INTEGER PRIMARY KEY, uid BLOB NOT NULL UNIQUE,"
	"  source TEXT NOT NULL, destination TEXT NOT NULL," /* names, which may be of nobody; '*' */
	"  action INTEGER NOT NULL,"                         /* 1 allow, 2 deny */
	"  description TEXT NOT NULL DEFAULT '', meta TEXT NOT NULL DEFAULT '{}',"
	"  created_by TEXT NOT NULL,"
	"  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL," ROW ","
	"  UNIQUE (source, destination)) STRICT;"
	"CREATE INDEX intentions_rev ON intentions(rev);"

	/* What was deleted, for who reads changes since a revision. */
	"CREATE TABLE gone (kind INTEGER NOT NULL, key BLOB NOT NULL, at INTEGER NOT NULL,"
	"  rev INTEGER NOT NULL, PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX gone_rev ON gone(rev);"

	"CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,"
	"  actor TEXT NOT NULL, via TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL,"
	"  detail TEXT NOT NULL) STRICT;"
	"CREATE INDEX audit_at ON audit(at);";

/*
 * Version 1 made the tables of private services and endpoints, and kept no row in them. A program that knows
 * version 1 alone must not open a store that has such rows: it would leave endpoints of identities that it
 * deletes. What is deleted takes along what belongs to it, and the counter of links has a digest.
 */
static const char version_2[] =
	"DROP TABLE endpoints;"
	"DROP TABLE private_services;"
	"DELETE FROM counters WHERE name = 'next_link';"

	"CREATE TABLE private_services ("
	"  id INTEGER PRIMARY KEY,"
	"  name TEXT NOT NULL UNIQUE, display TEXT NOT NULL, tag TEXT NOT NULL UNIQUE,"
	"  owner INTEGER NOT NULL REFERENCES identities(id) ON DELETE CASCADE,"
	"  kind INTEGER NOT NULL,"    /* 1 tcp, 2 udp */
	"  visibility TEXT NOT NULL," /* names with commas between; '*', '@all'; '': the owner alone */
	"  auto_approval TEXT NOT NULL," /* likewise */
	"  fqdns TEXT NOT NULL, description TEXT NOT NULL,"
	"  e2e_key BLOB NOT NULL,"    /* empty: not end to end */
	"  managed INTEGER NOT NULL," /* the store's lists win over the client's */
	"  state INTEGER NOT NULL,"   /* 1 there, 2 deleted but for its endpoints */
	"  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL," ROW ") STRICT;"
	"CREATE INDEX private_services_owner ON private_services(owner);"
	"CREATE INDEX private_services_rev ON private_services(rev);"
	"CREATE INDEX private_services_deleted ON private_services(id) WHERE state = 2;"

	"CREATE TABLE endpoints ("
	"  id INTEGER PRIMARY KEY,"
	"  uid BLOB NOT NULL UNIQUE, link INTEGER NOT NULL UNIQUE,"
	"  service INTEGER NOT NULL REFERENCES private_services(id) ON DELETE CASCADE,"
	"  consumer INTEGER NOT NULL REFERENCES identities(id) ON DELETE CASCADE,"
	"  name TEXT NOT NULL,"
	"  state INTEGER NOT NULL,"    /* 1 Pending, 2 Approved, 3 Rejected, 4 Disconnected */
	"  how INTEGER NOT NULL,"      /* 0 not, 1 manual, 2 auto, 3 owner */
	"  description TEXT NOT NULL," /* the approver's */
	"  message TEXT NOT NULL,"     /* the consumer's */
	"  decided_by TEXT NOT NULL,"
	"  e2e_key BLOB NOT NULL," /* empty: none */
	"  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, last_used_at INTEGER," ROW ","
	"  UNIQUE (service, consumer, name)) STRICT;"
	"CREATE INDEX endpoints_consumer ON endpoints(consumer);"
	"CREATE INDEX endpoints_rev ON endpoints(rev);";

/*
 * Roots of the certificate authority. A program that knows version 2 alone would pass over a rotation, and sign on
 * with a root that another has replaced.
 */
static const char version_3[] =
	"CREATE TABLE roots ("
	"  id INTEGER PRIMARY KEY,"
	"  certificate TEXT NOT NULL,"
	"  cross_signed TEXT NOT NULL," /* '': it is the first */
	"  private_key BLOB NOT NULL,"  /* emptied when another signs */
	"  lifetime INTEGER NOT NULL,"  /* of what it signs */
	"  listed_until INTEGER,"       /* null: it signs */
	"  created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL," ROW ","
	"  CHECK ((length(private_key) = 32) = (listed_until IS NULL))) STRICT;"
	"CREATE INDEX roots_rev ON roots(rev);";

const struct store_script store_scripts[STORE_VERSION] = {
	{version_1, NULL},
	{version_2, store_links_begin},
	{version_3, NULL},
};
