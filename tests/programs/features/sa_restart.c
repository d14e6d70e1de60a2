/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: SA_RESTART: read, write, wait, flock and accept go on after a handler; without it they say EINTR */
#include "feature.h"
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/time.h>

static volatile int count, enough;
static void (*volatile then)(void);
static int ends[2];
static pid_t child;
static char block_of_bytes[1 << 16];

static void on_alarm(int signal)
{
	int error = errno;

	(void)signal;
	if (++count == enough && then)
		then();
	errno = error;
}

static void tick(long microseconds)
{
	struct itimerval timer = { { 0, microseconds }, { 0, microseconds } };

	CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void expect(int signals, void (*at_last)(void))
{
	count = 0;
	enough = signals;
	then = at_last;
}

static void write_byte(void) { tell(ends[1], 'x'); }
static void end_child(void) { CHECK(kill(child, SIGTERM) == 0); }
static void drain(void)
{
	/* As much as it takes for the writer to go on. */
	CHECK(read(ends[0], block_of_bytes, sizeof block_of_bytes) > 0);
}

int main(int argc, char **argv)
{
	int sockets[2], status;
	char byte;

	begin(argc, argv);
	CHECK(pipe(ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
	ready();
	do {
		handle(SIGALRM, on_alarm, SA_RESTART);
		/* Before the ticks: a fork that takes longer than from one to the next would never end. */
		child = split();
		if (!child)
			for (;;)
				pause();
		tick(5000);
		expect(3, write_byte);
		CHECK(read(ends[0], &byte, 1) == 1 && count >= 3);
		expect(3, end_child);
		CHECK(waitpid(child, &status, 0) == child && WTERMSIG(status) == SIGTERM && count >= 3);
		busy_point();
		/* A full pipe. */
		CHECK(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
		while (write(ends[1], block_of_bytes, PAGE) > 0)
			;
		CHECK(errno == EAGAIN && fcntl(ends[1], F_SETFL, 0) == 0);
		expect(3, drain);
		CHECK(write(ends[1], block_of_bytes, 1) == 1 && count >= 3);
		CHECK(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
		while (read(ends[0], block_of_bytes, sizeof block_of_bytes) > 0)
			;
		CHECK(errno == EAGAIN && fcntl(ends[0], F_SETFL, 0) == 0);
		/* Without it. */
		expect(1000000, NULL);
		handle(SIGALRM, on_alarm, 0);
		CHECK(read(ends[0], &byte, 1) == -1 && errno == EINTR);
		CHECK(recv(sockets[0], &byte, 1, 0) == -1 && errno == EINTR);
		CHECK(pause() == -1 && errno == EINTR);
		/* These are never restarted. */
		handle(SIGALRM, on_alarm, SA_RESTART);
		struct timespec second = { 1, 0 };

		CHECK(nanosleep(&second, NULL) == -1 && errno == EINTR);
		tick(0);
	} while (again());
	return pass();
}
