/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: system calls of several threads in flight at once: read, poll, sleep, futex, wait, accept */
#include "feature.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

static int for_read[2], for_poll[2], listener;
static volatile uint32_t word;
static pid_t child;
static volatile int entered;

static void enter(void) { __atomic_add_fetch(&entered, 1, __ATOMIC_SEQ_CST); }

static void *in_read(void *argument)
{
	enter();
	CHECK(hear(for_read[0]) == 'r');
	return argument;
}

static void *in_poll(void *argument)
{
	struct pollfd polled = { .fd = for_poll[0], .events = POLLIN };

	enter();
	CHECK(poll(&polled, 1, 30000) == 1 && hear(for_poll[0]) == 'p');
	return argument;
}

static void *in_sleep(void *argument)
{
	enter();
	/* It does not end while the process is looked at. */
	do {
		int64_t before = now();

		nap(50);
		CHECK(now() - before >= 40000000);
	} while (word == 0);
	return argument;
}

static void *in_futex(void *argument)
{
	enter();
	while (word == 0)
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	CHECK(word == 1);
	return argument;
}

static void *in_wait(void *argument)
{
	enter();
	CHECK(exit_of(child) == 12);
	return argument;
}

static void *in_accept(void *argument)
{
	enter();
	int fd = accept(listener, NULL, NULL);

	CHECK(fd >= 0 && hear(fd) == 'a' && close(fd) == 0);
	return argument;
}

int main(int argc, char **argv)
{
	static void *(*const kinds[])(void *) = { in_read, in_poll, in_sleep, in_futex, in_wait, in_accept };
	enum { KINDS = sizeof kinds / sizeof *kinds };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	pthread_t threads[KINDS];
	int for_child[2];

	begin(argc, argv);
	CHECK(pipe(for_read) == 0 && pipe(for_poll) == 0 && pipe(for_child) == 0);
	/* An abstract name. */
	int length = sizeof(sa_family_t) + 1 + snprintf(address.sun_path + 1, 64, "threads_calls.%d", getpid());

	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK(listener >= 0 && bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 4) == 0);
	ready();
	do {
		word = entered = 0;
		child = split();
		if (!child)
			_exit(hear(for_child[0]));
		for (int i = 0; i < KINDS; i++)
			CHECK_0(pthread_create(&threads[i], NULL, kinds[i], NULL));
		AWAIT(entered == KINDS);
		nap(2);
		point();
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		CHECK(connect(fd, (struct sockaddr *)&address, length) == 0);
		tell(fd, 'a');
		tell(for_child[1], 12);
		word = 1;
		CHECK(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0) >= 0);
		tell(for_poll[1], 'p');
		tell(for_read[1], 'r');
		for (int i = 0; i < KINDS; i++)
			CHECK_0(pthread_join(threads[i], NULL));
		CHECK(close(fd) == 0);
	} while (again());
	return pass();
}
