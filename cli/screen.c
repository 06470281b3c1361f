/* SPDX-License-Identifier: MIT */
#include "cli/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/macros.h"

/* ECMA-48 and xterm: the alternate screen, no cursor, no wrapping of long lines; and back. */
#define BEGIN "\033[?1049h\033[?25l\033[?7l\033[H\033[J"
#define END   "\033[?7h\033[?25h\033[?1049l"

#define ROWS_GUESS 24 /* where the terminal does not say */

static struct termios was; /* before screen_begin() */
static volatile sig_atomic_t on, ended, stopped;

static void put(const char *text, size_t n)
{
	while (n) {
		ssize_t done = write(STDOUT_FILENO, text, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		text += done;
		n -= (size_t)done;
	}
}

bool screen_is_there(void)
{
	const char *term = getenv("TERM");
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
}

static void caught(int sig)
{
	if (sig == SIGTSTP)
		stopped = 1;
	else if (sig != SIGWINCH && sig != SIGCONT)
		ended = 1;
}

static int enter(void)
{
	struct termios raw = was;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) < 0)
		return -errno;
	put(BEGIN, strlen(BEGIN));
	on = 1;
	return 0;
}

void screen_end(void)
{
	if (!on)
		return;
	on = 0;
	put(END, strlen(END));
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
}

int screen_begin(struct error *err)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH, SIGCONT};
	struct sigaction action = {.sa_handler = caught}; /* no SA_RESTART: poll() is to return */
	if (tcgetattr(STDIN_FILENO, &was) < 0)
		return error_set(err, -errno, "the terminal cannot be asked how it is: %s",
			strerror(errno));
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &action, NULL);
	atexit(screen_end);
	int r = enter();
	return r ? error_set(err, r, "the terminal cannot be set up: %s", strerror(-r)) : 0;
}

size_t screen_rows(void)
{
	struct winsize size;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row ? size.ws_row
									   : ROWS_GUESS;
}

/* Each line over what stood there, and nothing behind the last: so nothing flickers. */
void screen_show(const char *text, size_t n)
{
	struct buf out = BUF_NULL;
	const char *end = text + n;
	int r = buf_append(&out, "\033[H", 3);
	for (size_t rows = screen_rows(); !r && rows && text < end; rows--) {
		const char *line_end = memchr(text, '\n', (size_t)(end - text));
		line_end = line_end ? line_end : end;
		r = buf_append(&out, text, (size_t)(line_end - text));
		r = r ? r : buf_append(&out, "\033[K", 3);
		if (!r && rows > 1)
			r = buf_append(&out, "\n", 1);
		text = line_end + 1;
	}
	r = r ? r : buf_append(&out, "\033[J", 3);
	if (!r && on)
		put((const char *)buf_head(&out), buf_len(&out));
	buf_deinit(&out);
}

/* As the shell wants it: the terminal is the shell's until the command goes on. */
static void stop(void)
{
	struct sigaction usual = {.sa_handler = SIG_DFL}, ours = {.sa_handler = caught};
	stopped = 0;
	screen_end();
	sigaction(SIGTSTP, &usual, NULL);
	raise(SIGTSTP);
	sigaction(SIGTSTP, &ours, NULL);
	enter();
}

enum screen_event screen_wait(int milliseconds, char *key_out)
{
	struct pollfd typed = {.fd = STDIN_FILENO, .events = POLLIN};
	if (ended)
		return SCREEN_END;
	int r = poll(&typed, 1, milliseconds);
	if (stopped)
		stop();
	if (ended)
		return SCREEN_END;
	if (r <= 0)
		return SCREEN_TIME;
	ssize_t n = read(STDIN_FILENO, key_out, 1);
	if (n == 1)
		return SCREEN_KEY;
	return n < 0 && errno == EINTR ? SCREEN_TIME : SCREEN_END;
}
