/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: the stack grows by use, up to its limit, also inside system calls and handlers */
#include "feature.h"
#include <setjmp.h>

static sigjmp_buf after;
static volatile int depth;

static void on_usr1(int signal)
{
	volatile char large[100 << 10];

	(void)signal;
	large[0] = large[sizeof large - 1] = 1;
}

__attribute__((noinline))
static int recurse(int left)
{
	volatile char frame[10000];

	memset((void *)frame, left, sizeof frame);
	if (left == 50)
		point();
	int sum = left ? recurse(left - 1) : 0;

	for (size_t i = 0; i < sizeof frame; i += 999)
		CHECK(frame[i] == (char)left);
	return sum + frame[77 % sizeof frame];
}

/* The call writes where the stack has not been yet. */
__attribute__((noinline))
static void read_deep(int fd)
{
	char large[300 << 10];

	CHECK(pread(fd, large, 64, 0) == 64 && large[0] == 's');
}

static void on_overflow(int signal)
{
	(void)signal;
	siglongjmp(after, 1);
}

__attribute__((noinline))
static int for_ever(int left)
{
	volatile char frame[10000];

	frame[0] = depth++;
	return left ? for_ever(left) + frame[0] : 0;
}

int main(int argc, char **argv)
{
	static char alternate[64 << 10], bytes[64];
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof alternate };
	struct rlimit limit = { 2 << 20, RLIM_INFINITY };

	begin(argc, argv);
	memset(bytes, 's', sizeof bytes);
	int fd = nameless_file();

	CHECK(write(fd, bytes, sizeof bytes) == sizeof bytes && sigaltstack(&stack, NULL) == 0);
	CHECK(getrlimit(RLIMIT_STACK, &limit) == 0);
	limit.rlim_cur = 2 << 20;
	CHECK(setrlimit(RLIMIT_STACK, &limit) == 0);
	handle(SIGUSR1, on_usr1, 0);
	ready();
	do {
		read_deep(fd);
		CHECK(recurse(60 + run.round % 8) != -1);
		CHECK(raise(SIGUSR1) == 0);
	} while (again());
	handle(SIGSEGV, on_overflow, SA_ONSTACK);
	if (!sigsetjmp(after, 1))
		for_ever(1);
	CHECK(depth > 100 && depth < 250);
	handle(SIGSEGV, SIG_DFL, 0);
	return pass();
}
