/* SPDX-License-Identifier: GPL-2.0-only */
/* life: job control: ^Z, fg and ^C through a terminal, background reading stops */
#include "feature.h"
#include <pty.h>
#include <termios.h>

/* A shell of one job, which has the terminal. */
static int be_shell(void)
{
	int status, up[2];
	char line[16];

	CHECK(tcgetsid(0) == getpid() && tcgetpgrp(0) == getpgrp() && pipe(up) == 0);
	handle(SIGTTOU, SIG_IGN, 0);
	pid_t job = split();

	if (!job) {
		CHECK(setpgid(0, 0) == 0);
		handle(SIGTTOU, SIG_DFL, 0);
		tell(up[1], 'u');
		/* In the background at first: it stops here. */
		ssize_t length = read(0, line, sizeof line);

		CHECK(length == 5 && !memcmp(line, "text\n", 5));
		tell(1, 'r');
		for (;;)
			pause();
	}
	hear(up[0]);
	CHECK(waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
	CHECK(tcsetpgrp(0, job) == 0 && kill(-job, SIGCONT) == 0);
	tell(1, 'f');
	/* ^Z */
	CHECK(waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
	CHECK(tcgetpgrp(0) == job && tcsetpgrp(0, getpgrp()) == 0);
	tell(1, 'z');
	CHECK(hear(0) == 'g' && hear(0) == '\n');
	CHECK(tcsetpgrp(0, job) == 0 && kill(-job, SIGCONT) == 0);
	CHECK(waitpid(job, &status, WCONTINUED) == job && WIFCONTINUED(status));
	tell(1, 'c');
	/* ^C */
	status = status_of(job);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	return 61;
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	ready();
	do {
		int master;
		struct termios settings;
		pid_t shell = forkpty(&master, NULL, NULL, NULL);

		CHECK(shell >= 0);
		if (!shell)
			_exit(be_shell());
		CHECK(tcgetattr(master, &settings) == 0);
		settings.c_lflag &= ~ECHO;
		CHECK(tcsetattr(master, TCSANOW, &settings) == 0);
		CHECK(hear(master) == 'f');
		CHECK(write(master, "text\n", 5) == 5);
		CHECK(hear(master) == 'r');
		point();
		tell(master, 26);
		CHECK(hear(master) == 'z');
		CHECK(write(master, "g\n", 2) == 2);
		CHECK(hear(master) == 'c');
		point();
		tell(master, 3);
		CHECK(exit_of(shell) == 61);
		CHECK(close(master) == 0);
	} while (again());
	return pass();
}
