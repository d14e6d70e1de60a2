/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: a handler interrupts reads of a terminal, a pipe, a socket and a semaphore wait, with partial results kept */
#include "feature.h"
#include <pty.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <sys/time.h>

static volatile int count;

static void on_alarm(int signal)
{
	(void)signal;
	count++;
}

/* Again and again: a signal that comes before the call that it is to interrupt is no loss. */
static void tick(long milliseconds)
{
	struct itimerval timer = { { 0, milliseconds * 1000 }, { 0, milliseconds * 1000 } };

	count = 0;
	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

int main(int argc, char **argv)
{
	int ends[2], sockets[2], master, slave;
	static char buffer[300000];
	sem_t semaphore;

	begin(argc, argv);
	CHECK(pipe(ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
	CHECK(openpty(&master, &slave, NULL, NULL, NULL) == 0 && sem_init(&semaphore, 0, 0) == 0);
	handle(SIGALRM, on_alarm, 0);
	ready();
	do {
		for (int i = 0; i < 3; i++) {
			tick(15);
			CHECK(read(i == 0 ? slave : i == 1 ? ends[0] : sockets[0], buffer, 10) == -1 && errno == EINTR);
		}
		tick(15);
		CHECK(sem_wait(&semaphore) == -1 && errno == EINTR);
		tick(0);
		point();
		/* A write that has got somewhere tells how far. */
		tick(15);
		ssize_t written = write(ends[1], buffer, sizeof buffer);

		tick(0);
		CHECK(written > 0 && written < (ssize_t)sizeof buffer);
		while (written > 0) {
			ssize_t got = read(ends[0], buffer, sizeof buffer);

			CHECK(got > 0);
			written -= got;
		}
		CHECK(written == 0);
		/* So does a read that wants all; one that is interrupted in order to move does so without a handler. */
		CHECK(write(sockets[1], "part", 4) == 4);
		tick(15);
		CHECK(recv(sockets[0], buffer, 10, MSG_WAITALL) == 4);
		tick(0);
	} while (again());
	return pass();
}
