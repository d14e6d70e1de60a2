/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Something that keeps a process at home: `stays KIND` sets it up, prints `ready`, and on SIGTERM checks
 * that it is still well and prints PASS. `stays list` prints the kinds.
 */
#include "program.h"
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static volatile sig_atomic_t ended;
static volatile uint64_t *secret;

static void on_term(int signal) { (void)signal; ended = 1; }

static void set_up_secret(void)
{
	int fd = syscall(SYS_memfd_secret, 0);

	CHECK(fd >= 0 && ftruncate(fd, 4096) == 0);
	secret = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(secret != MAP_FAILED);
	*secret = 1;
}

static void set_up_userfaultfd(void)
{
	/* Of the program's own faults only: that needs no rights. */
	int fd = syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	void *area = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(fd >= 0 && area != MAP_FAILED && ioctl(fd, UFFDIO_API, &api) == 0);
	range.range.start = (unsigned long)area;
	range.range.len = 4096;
	CHECK(ioctl(fd, UFFDIO_REGISTER, &range) == 0);
}

static void set_up_realtime(void)
{
	struct sched_param parameter = { .sched_priority = 1 };

	CHECK(sched_setscheduler(0, SCHED_FIFO, &parameter) == 0);
}

static void set_up_io_uring(void)
{
	struct io_uring_params parameters = { 0 };

	CHECK(syscall(SYS_io_uring_setup, 4, &parameters) >= 0);
}

static void set_up_traced(void)
{
	pid_t parent = getpid(), tracer;
	int ends[2];
	char byte;

	CHECK(pipe(ends) == 0);
	/* Only some kernels know it, and only those need it. */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	CHECK((tracer = fork()) >= 0);
	if (!tracer) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ptrace(PTRACE_SEIZE, parent, 0, 0) || write(ends[1], "t", 1) != 1)
			_exit(1);
		for (;;) {
			int status;

			/* Passes every signal on. */
			if (waitpid(parent, &status, __WALL) != parent || !WIFSTOPPED(status))
				_exit(0);
			ptrace(PTRACE_CONT, parent, 0, status >> 16 ? 0 : WSTOPSIG(status));
		}
	}
	CHECK(read(ends[0], &byte, 1) == 1);
}

static const struct kind {
	const char *name;
	void (*set_up)(void);
} kinds[] = {
	{ "secret", set_up_secret }, { "userfaultfd", set_up_userfaultfd },
	{ "realtime", set_up_realtime }, { "io_uring", set_up_io_uring }, { "traced", set_up_traced },
};
#define KINDS (sizeof kinds / sizeof *kinds)

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_term };
	size_t k;

	if (argc != 2)
		fail("usage: stays KIND|list");
	if (!strcmp(argv[1], "list")) {
		for (k = 0; k < KINDS; k++)
			puts(kinds[k].name);
		return 0;
	}
	for (k = 0; k < KINDS && strcmp(kinds[k].name, argv[1]); k++)
		;
	if (k == KINDS)
		fail("no such kind: %s", argv[1]);
	CHECK(sigaction(SIGTERM, &action, NULL) == 0);
	kinds[k].set_up();
	puts("ready");
	fflush(stdout);
	while (!ended) {
		rounds_done++;
		usleep(1000);
	}
	if (secret)
		CHECK(*secret == 1);
	return pass();
}
