/* SPDX-License-Identifier: GPL-2.0-only */
/* life: a child that has stopped, and shares memory with its parent, is traced by it: found stopped, read, written, let go */
#include "feature.h"
#include <stddef.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#define LENGTH 4096

int main(int argc, char **argv)
{
	static volatile long word;
	int status;

	begin(argc, argv);
	volatile long *shared = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(shared != MAP_FAILED);
	ready();
	do {
		struct user_regs_struct registers;

		word = 41;
		shared[0] = 0;
		pid_t child = split();

		if (!child) {
			word++;
			raise(SIGSTOP);
			shared[0] = word;
			_exit(word == 44 ? 0 : 1);
		}
		CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
		point();
		CHECK(ptrace(PTRACE_ATTACH, child, NULL, NULL) == 0);
		/* It is stopped, so this need not be waited for. */
		CHECK(ptrace(PTRACE_GETREGS, child, NULL, &registers) == 0);
		errno = 0;
		CHECK(ptrace(PTRACE_PEEKDATA, child, (void *)registers.rsp, NULL) != -1 || errno == 0);
		CHECK(ptrace(PTRACE_PEEKDATA, child, (void *)&word, NULL) == 42);
		CHECK(ptrace(PTRACE_POKEDATA, child, (void *)&word, (void *)44L) == 0);
		CHECK(ptrace(PTRACE_DETACH, child, NULL, NULL) == 0);
		CHECK(shared[0] == 0);
		CHECK(kill(child, SIGCONT) == 0);
		CHECK(exit_of(child) == 0);
		CHECK(shared[0] == 44);
	} while (again());
	return pass();
}
