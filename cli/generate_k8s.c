/* SPDX-License-Identifier: MIT */
/*
 * Objects for a cluster: a Deployment, and of a server the Service that lets visitors in and the claim that keeps its
 * state. The token and other files are Secrets, which the first lines say how to make.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/generate.h"
#include "cli/generate_text.h"
#include "version.h"

#define FILES_FOLDER "/etc/tunnel/files"
#define TOKEN_FOLDER "/run/secrets/tunnel"

/* Ports of a Service are listed one by one, for TCP and UDP: more than these nobody wants to read. */
#define SERVICE_PORTS_MAX 64

/* A key of a Secret, made of a whole path: etc-tunnel-key.pem. */
static void print_key(FILE *to, const char *path)
{
	for (const char *c = path + 1; *c; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			     (*c >= '0' && *c <= '9') || *c == '.' || *c == '_';
		fputc(plain ? *c : '-', to);
	}
}

static int check_files(const struct deployment *d, struct error *err)
{
	for (size_t i = 0; i < d->n_files; i++) {
		const struct deployment_file *f = &d->files[i];
		if (f->word == SIZE_MAX)
			return error_set(err, -EINVAL,
				"--generate=k8s-yaml: %s is a folder or a socket of this machine, "
				"which a "
				"pod does not see: publish a service of the cluster, such as "
				"http://web.default.svc:80",
				f->path);
		if (f->directory)
			return error_set(err, -EINVAL,
				"--generate=k8s-yaml: %s is a directory, and a Secret has files "
				"alone: "
				"name them one by one",
				f->path);
	}
	return 0;
}

static bool has_secret(const struct deployment *d)
{
	return d->token && (d->token_path || !d->place.server);
}

static void print_head(FILE *to, const struct deployment *d)
{
	fprintf(to, "# Made by tunnel %s --generate=k8s-yaml. Before kubectl apply -f FILE:\n",
		d->command);
	fputs("#   the image, as --generate=compose builds it, has to be where the cluster finds "
	      "it\n",
		to);
	if (has_secret(d)) {
		fprintf(to, "#   kubectl create secret generic %s-token --from-file=tunnel.token=",
			d->name);
		generate_shell_word(to, d->token_path ? d->token_path : "FILE-WITH-THE-TOKEN");
		fputc('\n', to);
	}
	if (d->n_files)
		fprintf(to, "#   kubectl create secret generic %s-files", d->name);
	for (size_t i = 0; i < d->n_files; i++) {
		fputs(" --from-file=", to);
		print_key(to, d->files[i].path);
		fputc('=', to);
		generate_shell_word(to, d->files[i].path);
	}
	fputs(d->n_files ? "\n" : "", to);
	generate_left_out(to, d);
	if (d->place.loopback)
		fputs("# At 127.0.0.1 it finds what is in its own pod: put this container beside "
		      "the program's "
		      "there, or\n# name a service of the cluster instead, such as "
		      "http://web.default.svc:80.\n",
			to);
}

/* With its file where the pod has it. */
static void print_word(FILE *to, const struct deployment *d, size_t i)
{
	const char *word = d->words.v[i];
	for (size_t k = 0; k < d->n_files; k++) {
		if (d->files[k].word != i)
			continue;
		size_t before = strlen(word) - strlen(d->files[k].path);
		fprintf(to, "            - \"%.*s" FILES_FOLDER "/", (int)before, word);
		print_key(to, d->files[k].path);
		fputs("\"\n", to);
		return;
	}
	fputs("            - ", to);
	generate_yaml_dollars(to, word);
	fputc('\n', to);
}

static void print_container(FILE *to, const struct deployment *d)
{
	fprintf(to,
		"      containers:\n"
		"        - name: tunnel\n"
		"          image: \"tunnel:" TUNNEL_VERSION "\"\n"
		"          args:\n            - %s\n",
		d->command);
	for (size_t i = 0; i < d->words.n; i++)
		print_word(to, d, i);
	if (has_secret(d))
		fputs("            - \"--token-from=" TOKEN_FOLDER "/tunnel.token\"\n", to);
	fputs("          env:\n"
	      "            - {name: STATE_DIRECTORY, value: /var/lib/tunnel}\n"
	      "          resources:\n"
	      "            requests: {cpu: 50m, memory: 64Mi}\n"
	      "          securityContext:\n"
	      "            allowPrivilegeEscalation: false\n"
	      "            readOnlyRootFilesystem: true\n"
	      "            capabilities: {drop: [ALL]}\n"
	      "          volumeMounts:\n"
	      "            - {name: state, mountPath: /var/lib/tunnel}\n",
		to);
	if (has_secret(d))
		fputs("            - {name: token, mountPath: " TOKEN_FOLDER ", readOnly: true}\n",
			to);
	if (d->n_files)
		fputs("            - {name: files, mountPath: " FILES_FOLDER ", readOnly: true}\n",
			to);
}

static void print_volumes(FILE *to, const struct deployment *d)
{
	fputs("      volumes:\n        - name: state\n", to);
	if (d->place.server)
		fprintf(to, "          persistentVolumeClaim: {claimName: %s}\n", d->name);
	else
		fputs("          emptyDir: {}\n", to);
	/* The mode is of fsGroup's members, of whom the program is one. */
	if (has_secret(d))
		fprintf(to,
			"        - name: token\n          secret: {secretName: %s-token, "
			"defaultMode: 0440}\n",
			d->name);
	if (d->n_files)
		fprintf(to,
			"        - name: files\n          secret: {secretName: %s-files, "
			"defaultMode: 0440}\n",
			d->name);
}

static void print_deployment(FILE *to, const struct deployment *d)
{
	fprintf(to,
		"apiVersion: apps/v1\n"
		"kind: Deployment\n"
		"metadata:\n"
		"  name: %s\n"
		"  labels: {app.kubernetes.io/name: %s}\n"
		"spec:\n"
		"  replicas: 1\n"
		"  strategy: {type: Recreate}\n"
		"  selector:\n"
		"    matchLabels: {app.kubernetes.io/name: %s}\n"
		"  template:\n"
		"    metadata:\n"
		"      labels: {app.kubernetes.io/name: %s}\n"
		"    spec:\n"
		"      automountServiceAccountToken: false\n"
		"      # Above --grace (10 s), within which running requests finish.\n"
		"      terminationGracePeriodSeconds: 15\n"
		"      securityContext:\n"
		"        runAsNonRoot: true\n"
		"        runAsUser: 65534\n"
		"        runAsGroup: 65534\n"
		"        fsGroup: 65534\n"
		"        seccompProfile: {type: RuntimeDefault}\n",
		d->name, d->name, d->name, d->name);
	if (d->place.server)
		fputs("        # Of the pod's own network: ports below 1024 need no capability "
		      "there.\n"
		      "        sysctls:\n"
		      "          - {name: net.ipv4.ip_unprivileged_port_start, value: \"0\"}\n",
			to);
	print_container(to, d);
	print_volumes(to, d);
}

/* ---- Of a server ---- */

static void print_port(FILE *to, const char *protocol, unsigned port)
{
	fprintf(to, "    - {name: %s-%u, protocol: %s, port: %u, targetPort: %u}\n",
		*protocol == 'T' ? "tcp" : "udp", port, protocol, port, port);
}

static void print_own_ports(FILE *to, const struct option_ports *ports)
{
	for (size_t i = 0; i < ports->n; i++)
		if (ports->v[i])
			print_port(to, "TCP", ports->v[i]);
}

static void print_service_ports(FILE *to, const struct option_ranges *ranges)
{
	size_t n = 0;
	for (size_t i = 0; i < ranges->n; i++)
		n += ranges->v[i].last - ranges->v[i].first + 1u;
	if (n > SERVICE_PORTS_MAX) {
		fputs("    # --allow-ports has more ports than can be listed here: name the few "
		      "that "
		      "clients need.\n",
			to);
		return;
	}
	for (size_t i = 0; i < ranges->n; i++) {
		for (unsigned port = ranges->v[i].first; port <= ranges->v[i].last; port++) {
			print_port(to, "TCP", port);
			print_port(to, "UDP", port);
		}
	}
}

static void print_server(FILE *to, const struct deployment *d)
{
	fprintf(to,
		"---\n"
		"apiVersion: v1\n"
		"kind: Service\n"
		"metadata:\n"
		"  name: %s\n"
		"spec:\n"
		"  type: LoadBalancer\n"
		"  # So that visitors keep their addresses.\n"
		"  externalTrafficPolicy: Local\n"
		"  selector: {app.kubernetes.io/name: %s}\n"
		"  ports:\n",
		d->name, d->name);
	print_own_ports(to, d->place.ports);
	print_own_ports(to, d->place.control);
	if (d->place.services)
		print_service_ports(to, d->place.services);
	fprintf(to,
		"---\n"
		"apiVersion: v1\n"
		"kind: PersistentVolumeClaim\n"
		"metadata:\n"
		"  name: %s\n"
		"spec:\n"
		"  accessModes: [ReadWriteOnce]\n"
		"  resources:\n"
		"    requests: {storage: 1Gi}\n",
		d->name);
}

int generate_k8s(FILE *to, const struct deployment *d, struct error *err)
{
	int r = check_files(d, err);
	if (r)
		return r;
	print_head(to, d);
	print_deployment(to, d);
	if (d->place.server)
		print_server(to, d);
	return 0;
}
