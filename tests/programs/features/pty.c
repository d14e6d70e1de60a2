/* SPDX-License-Identifier: GPL-2.0-only */
/* files: pseudo-terminals: lines, echo, raw mode, window size, packet of control characters, hang-up */
#include "feature.h"
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static volatile int resized;

static void on_winch(int signal) { (void)signal; resized++; }

static void expect(int fd, const char *text)
{
	char found[64];
	size_t length = 0;

	while (length < strlen(text)) {
		ssize_t got = read(fd, found + length, sizeof found - 1 - length);

		if (got == -1 && errno == EINTR)
			continue;
		CHECK(got > 0);
		length += got;
	}
	found[length] = 0;
	if (strcmp(found, text))
		fail("`%s` instead of `%s`", found, text);
}

int main(int argc, char **argv)
{
	int master, slave;
	struct termios settings, found;
	struct winsize size = { 40, 132, 0, 0 }, found_size;
	char name[64];

	begin(argc, argv);
	handle(SIGWINCH, on_winch, SA_RESTART);
	ready();
	do {
		size.ws_col = 132;
		CHECK(openpty(&master, &slave, name, NULL, &size) == 0 && isatty(slave) && !strcmp(ttyname(slave), name));
		CHECK(tcgetattr(slave, &settings) == 0 && settings.c_lflag & ICANON && settings.c_lflag & ECHO);
		CHECK(write(master, "one\ntwo", 7) == 7);
		expect(master, "one\r\ntwo");
		point();
		expect(slave, "one\n");
		struct pollfd polled = { .fd = slave, .events = POLLIN };

		/* Not a line yet; the last letter is taken back. */
		CHECK(poll(&polled, 1, 0) == 0);
		CHECK(write(master, "\177x\n", 3) == 3);
		expect(slave, "twx\n");
		expect(master, "\b \bx\r\n");
		CHECK(ioctl(slave, TIOCGWINSZ, &found_size) == 0 && found_size.ws_row == 40 && found_size.ws_col == 132);
		size.ws_col = 80 + run.round;
		CHECK(ioctl(master, TIOCSWINSZ, &size) == 0);
		CHECK(ioctl(slave, TIOCGWINSZ, &found_size) == 0 && found_size.ws_col == 80 + run.round);
		cfmakeraw(&settings);
		settings.c_cc[VMIN] = 3;
		settings.c_cc[VTIME] = 0;
		CHECK(tcsetattr(slave, TCSADRAIN, &settings) == 0);
		point();
		CHECK(tcgetattr(slave, &found) == 0 && found.c_iflag == settings.c_iflag && found.c_oflag == settings.c_oflag);
		CHECK(found.c_cflag == settings.c_cflag && found.c_lflag == settings.c_lflag && found.c_cc[VMIN] == 3);
		CHECK(write(master, "\003\032z", 3) == 3);
		expect(slave, "\003\032z");
		int waiting;

		CHECK(write(slave, "abc", 3) == 3);
		AWAIT(ioctl(master, FIONREAD, &waiting) == 0 && waiting == 3);
		CHECK(tcflush(slave, TCIOFLUSH) == 0 && tcdrain(slave) == 0);
		CHECK(close(slave) == 0);
		ssize_t got = read(master, name, 1);

		CHECK((got == -1 && errno == EIO) || got == 1);
		CHECK(close(master) == 0);
	} while (again());
	/* It was never our terminal. */
	CHECK(resized == 0);
	return pass();
}
