/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sets up a bit of everything that /proc shows of a process, prints `ready`, and waits for a line on its
 * standard input. So its state can be compared before and after moves. Then it checks what it can itself.
 */
#include "program.h"
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#define PAGE 4096ul
#define PAGES 64

static void handler(int signal) { (void)signal; }

static char *map(size_t pages, int protection, int flags, int fd)
{
	char *memory = mmap(NULL, pages * PAGE, protection, flags, fd, 0);

	CHECK(memory != MAP_FAILED);
	return memory;
}

int main(int argc, char **argv)
{
	const int rw = PROT_READ | PROT_WRITE, own = MAP_PRIVATE | MAP_ANONYMOUS;
	char name[] = "/tmp/still.XXXXXX", line[16];
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART | SA_ONSTACK };
	struct rlimit limit = { 123, 456 };
	sigset_t mask;

	start(argc, argv);
	/* Mappings of all kinds. */
	int fd = mkstemp(name);

	CHECK(fd >= 0 && ftruncate(fd, PAGES * PAGE) == 0);
	char *data = map(PAGES, rw, own, -1);
	char *read_only = map(PAGES, rw, own, -1);
	char *holes = map(PAGES, rw, own, -1);
	char *nothing = map(PAGES, PROT_NONE, own | MAP_NORESERVE, -1);
	char *code = map(PAGES, rw | PROT_EXEC, own, -1);
	char *file = map(PAGES, rw, MAP_PRIVATE, fd);
	char *file_read_only = map(PAGES, PROT_READ, MAP_PRIVATE, fd);
	char *advised = map(PAGES, rw, own, -1);
	char *unforked = map(PAGES, rw, own, -1);

	fill(data, PAGES * PAGE, 1);
	fill(read_only, PAGES * PAGE, 2);
	fill(holes, PAGES * PAGE, 3);
	fill(code, PAGES * PAGE, 4);
	fill(file, PAGES * PAGE / 2, 5);
	CHECK(mprotect(read_only, PAGES * PAGE, PROT_READ) == 0);
	for (int i = 1; i < PAGES; i += 4)
		CHECK(munmap(holes + i * PAGE, PAGE) == 0 && mprotect(holes + (i + 1) * PAGE, PAGE, PROT_READ) == 0);
	CHECK(madvise(advised, PAGES * PAGE, MADV_NOHUGEPAGE) == 0 && madvise(advised, PAGES * PAGE, MADV_RANDOM) == 0);
	CHECK(madvise(unforked, PAGES * PAGE, MADV_DONTFORK) == 0 && madvise(unforked, PAGES * PAGE, MADV_DONTDUMP) == 0);
	CHECK(sbrk(10 * PAGE) != (void *)-1);

	/* Signals. */
	stack_t stack = { .ss_sp = data, .ss_size = 16 * PAGE };

	CHECK(sigaltstack(&stack, NULL) == 0);
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0 && sigaction(SIGRTMIN + 3, &action, NULL) == 0);
	CHECK(signal(SIGHUP, SIG_IGN) != SIG_ERR);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigaddset(&mask, SIGRTMIN + 5);
	CHECK(sigprocmask(SIG_BLOCK, &mask, NULL) == 0 && raise(SIGUSR2) == 0);

	/* Files, limits, names. */
	CHECK(lseek(fd, 777, SEEK_SET) == 777 && dup2(fd, 40) == 40 && fcntl(40, F_SETFD, FD_CLOEXEC) == 0);
	umask(027);
	CHECK(setrlimit(RLIMIT_MSGQUEUE, &limit) == 0 && nice(5) == 5);
	CHECK(prctl(PR_SET_NAME, "still here") == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_TIMERSLACK, 77777) == 0 && chdir("/tmp") == 0);

	puts("ready");
	fflush(stdout);
	CHECK(fgets(line, sizeof line, stdin));

	CHECK(is_filled(data + 16 * PAGE, (PAGES - 16) * PAGE, 1) || is_filled(data, PAGES * PAGE, 1));
	CHECK(is_filled(read_only, PAGES * PAGE, 2) && is_filled(code, PAGES * PAGE, 4));
	CHECK(is_filled(file, PAGES * PAGE / 2, 5));
	for (size_t at = PAGES * PAGE / 2; at < PAGES * PAGE; at++)
		CHECK(file[at] == 0);
	for (size_t at = 0; at < PAGES * PAGE; at++)
		CHECK(advised[at] == 0 && unforked[at] == 0 && file_read_only[at] == 0);
	CHECK(mprotect(nothing, PAGES * PAGE, PROT_READ) == 0 && nothing[PAGE] == 0);
	CHECK(sigpending(&mask) == 0 && sigismember(&mask, SIGUSR2));
	CHECK(lseek(40, 0, SEEK_CUR) == 777 && umask(0) == 027);
	CHECK(getpriority(PRIO_PROCESS, 0) == 5 && prctl(PR_GET_TIMERSLACK) == 77777);
	CHECK(unlink(name) == 0);
	return pass();
}
