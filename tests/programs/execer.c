/* SPDX-License-Identifier: GPL-2.0-only */
/* Replaces itself again and again: process id, open files, ignored signals and mask go on, handlers do not. */
#include "program.h"

int main(int argc, char **argv)
{
	char round[32], pid[32], self[4096] = { 0 };
	struct sigaction action;
	sigset_t mask;

	/* execer again ROUND PID PROGRESS */
	if (argc == 5 && !strcmp(argv[1], "again")) {
		rounds_done = atol(argv[2]);
		options.progress = argv[4];
		CHECK(getpid() == atol(argv[3]));
		CHECK(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
		CHECK(sigprocmask(SIG_SETMASK, NULL, &mask) == 0 && sigismember(&mask, SIGUSR2));
		progress_fd = 50;
	} else {
		start(argc, argv);
		if (!options.progress)
			options.progress = "/tmp/execer.progress", options.rounds = 3;
		CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
		sigemptyset(&mask);
		sigaddset(&mask, SIGUSR2);
		CHECK(sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
		progress_fd = open(options.progress, O_RDWR | O_CREAT | O_TRUNC, 0644);
		CHECK(progress_fd >= 0 && dup2(progress_fd, 50) == 50);
		progress_fd = 50;
		if (options.rounds)
			CHECK(setenv("EXECER_ROUNDS", "3", 1) == 0);
	}
	if (getenv("EXECER_ROUNDS"))
		options.rounds = atol(getenv("EXECER_ROUNDS"));
	if (!another_round())
		return pass();
	for (volatile int i = 0; i < 3000000; i++)
		;
	snprintf(round, sizeof round, "%ld", rounds_done);
	snprintf(pid, sizeof pid, "%d", getpid());
	CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
	execl(self, self, "again", round, pid, options.progress, NULL);
	fail("exec");
}
