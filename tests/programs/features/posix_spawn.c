/* SPDX-License-Identifier: GPL-2.0-only */
/* life: posix_spawn with file actions and attributes */
#include "feature.h"
#include <spawn.h>

int main(int argc, char **argv)
{
	extern char **environ;
	int out[2];
	char text[128];

	if (argc > 1 && !strcmp(argv[1], "child")) {
		sigset_t mask;
		struct sigaction action;

		CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0);
		CHECK(sigismember(&mask, SIGUSR1) && !sigismember(&mask, SIGUSR2));
		CHECK(sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
		CHECK(getpgrp() == getpid());
		CHECK(read(0, text, sizeof text) == 0);
		CHECK(fcntl(9, F_GETFD) == -1 && errno == EBADF);
		printf("%s %s\n", argv[2], getenv("GIVEN"));
		return 23;
	}
	begin(argc, argv);
	CHECK(pipe2(out, O_CLOEXEC) == 0 && dup2(out[1], 9) == 9);
	handle(SIGHUP, SIG_IGN, 0);
	CHECK(setenv("GIVEN", "in the environment", 1) == 0);
	const char *path = self();

	ready();
	do {
		posix_spawn_file_actions_t actions;
		posix_spawnattr_t attributes;
		char *arguments[] = { (char *)path, "child", "an argument", NULL };
		sigset_t mask = only(SIGUSR1), defaults = only(SIGHUP);
		pid_t child;

		CHECK_0(posix_spawn_file_actions_init(&actions));
		CHECK_0(posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0));
		CHECK_0(posix_spawn_file_actions_adddup2(&actions, out[1], 1));
		CHECK_0(posix_spawn_file_actions_addclose(&actions, 9));
		CHECK_0(posix_spawnattr_init(&attributes));
		CHECK_0(posix_spawnattr_setflags(&attributes,
						 POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP));
		CHECK_0(posix_spawnattr_setsigmask(&attributes, &mask));
		CHECK_0(posix_spawnattr_setsigdefault(&attributes, &defaults));
		CHECK_0(posix_spawnattr_setpgroup(&attributes, 0));
		CHECK_0(posix_spawn(&child, path, &actions, &attributes, arguments, environ));
		point();
		ssize_t length = read(out[0], text, sizeof text - 1);

		CHECK(length > 0);
		text[length] = 0;
		if (strcmp(text, "an argument in the environment\n"))
			fail("the child said %s", text);
		CHECK(exit_of(child) == 23);
		CHECK(posix_spawn(&child, "/nowhere/to/be/found", NULL, NULL, arguments, environ) == ENOENT);
		CHECK_0(posix_spawn_file_actions_destroy(&actions));
		CHECK_0(posix_spawnattr_destroy(&attributes));
	} while (again());
	return pass();
}
