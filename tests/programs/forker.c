/* SPDX-License-Identifier: GPL-2.0-only */
/* Children: fork, vfork, posix_spawn, exec, wait in its forms, SIGCHLD, and the memory that is copied. */
#include "program.h"
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char **environ;
static volatile sig_atomic_t children_ended;
static char self[4096];

static void on_child(int signal) { (void)signal; children_ended++; }

/* What an exec'd child does: tells its argument and environment by its status. */
static int be_child(char **argv)
{
	return argv[2] && !strcmp(argv[2], "an argument") && getenv("FORKER") ? 42 : 1;
}

static int ended_with(pid_t child)
{
	int status;

	CHECK(waitpid(child, &status, 0) == child);
	return status;
}

static void copies(char *memory, size_t size)
{
	int ends[2], status;
	pid_t child, parent = getpid();
	char byte;

	fill(memory, size, rounds_done);
	CHECK(pipe(ends) == 0);
	CHECK((child = fork()) >= 0);
	if (!child) {
		if (getppid() != parent || !is_filled(memory, size, rounds_done))
			_exit(1);
		fill(memory, size, 999);
		if (write(ends[1], "c", 1) != 1 || !is_filled(memory, size, 999))
			_exit(2);
		_exit(7);
	}
	CHECK(read(ends[0], &byte, 1) == 1 && byte == 'c');
	CHECK(is_filled(memory, size, rounds_done));
	status = ended_with(child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
}

static void execs(void)
{
	char *arguments[] = { self, "child", "an argument", NULL };
	pid_t child;
	int status;

	CHECK(setenv("FORKER", "1", 1) == 0);
	CHECK((child = fork()) >= 0);
	if (!child) {
		execv(self, arguments);
		_exit(126);
	}
	status = ended_with(child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	CHECK((child = vfork()) >= 0);
	if (!child) {
		execv(self, arguments);
		_exit(126);
	}
	status = ended_with(child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	CHECK(posix_spawn(&child, self, NULL, NULL, arguments, environ) == 0);
	status = ended_with(child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	CHECK(posix_spawn(&child, "/nowhere", NULL, NULL, arguments, environ) == ENOENT);
}

static void waits(void)
{
	pid_t child, grandchild;
	siginfo_t info = { 0 };
	struct rusage usage;
	int status;

	children_ended = 0;
	CHECK((child = fork()) >= 0);
	if (!child)
		for (;;)
			pause();
	CHECK(waitpid(child, &status, WNOHANG) == 0);
	CHECK(kill(child, SIGSTOP) == 0 && waitpid(child, &status, WUNTRACED) == child);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	CHECK(kill(child, SIGCONT) == 0 && waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
	CHECK(kill(child, SIGKILL) == 0);
	CHECK(waitid(P_PID, child, &info, WEXITED | WNOWAIT) == 0);
	CHECK(info.si_code == CLD_KILLED && info.si_status == SIGKILL);
	CHECK(wait4(child, &status, 0, &usage) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK(children_ended >= 1);
	/* A child with a child. */
	CHECK((child = fork()) >= 0);
	if (!child) {
		if ((grandchild = fork()) == 0)
			_exit(9);
		_exit(waitpid(grandchild, &status, 0) == grandchild && WEXITSTATUS(status) == 9 ? 11 : 1);
	}
	CHECK(WEXITSTATUS(ended_with(child)) == 11);
	CHECK(waitpid(-1, &status, 0) == -1 && errno == ECHILD);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_child, .sa_flags = SA_RESTART };
	size_t size = 1 << 20;

	if (argc > 1 && !strcmp(argv[1], "child"))
		return be_child(argv);
	start(argc, argv);
	CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
	CHECK(sigaction(SIGCHLD, &action, NULL) == 0);
	char *memory = malloc(size);

	CHECK(memory);
	do {
		copies(memory, size);
		execs();
		waits();
	} while (another_round());
	return pass();
}
