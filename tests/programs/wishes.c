/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a process says of itself below /proc/hpc, by lines of its standard input:
 *
 *     write FILE VALUE    writes it; says `written`, or `refused ERRNO`
 *     read FILE           says what is in it
 *     fork FILE           a child says what is in it
 *     exec                becomes a new program, which reads on
 *
 * A signal 35 that carries a value is said as `moved to VALUE`. At the end of the input it says PASS.
 */
#include "program.h"
#include <sys/wait.h>

static void moved(int sig, siginfo_t *info, void *context)
{
	char text[64];
	int n = snprintf(text, sizeof text, "moved to %d\n", info->si_value.sival_int);

	(void)sig, (void)context;
	CHECK(info->si_code == SI_QUEUE && info->si_pid == getpid());
	CHECK(write(1, text, n) == n);
}

static int open_file(const char *name, int how)
{
	char path[128];

	snprintf(path, sizeof path, "/proc/hpc/%s", name);
	return open(path, how | O_CLOEXEC);
}

static void tell(const char *name)
{
	char text[256];
	int fd = open_file(name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);

	CHECK(n >= 0 && write(1, text, n) == n);
	close(fd);
}

/* A byte at a time, so that nothing is lost in an exec. */
static int next_line(char *line, size_t size)
{
	size_t n = 0;
	ssize_t got;

	while (n + 1 < size && ((got = read(0, line + n, 1)) == 1 || (got < 0 && errno == EINTR)))
		if (got == 1 && line[n++] == '\n')
			break;
	line[n ? n - 1 : 0] = 0;
	return n > 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = moved, .sa_flags = SA_SIGINFO | SA_RESTART };
	char line[128], file[64], value[64];

	(void)argc;
	CHECK(sigaction(35, &action, NULL) == 0);
	CHECK(write(1, "ready\n", 6) == 6);
	while (next_line(line, sizeof line)) {
		if (sscanf(line, "write %63s %63s", file, value) == 2) {
			int fd = open_file(file, O_WRONLY);
			ssize_t n = fd < 0 ? -1 : write(fd, value, strlen(value));
			int error = errno;

			dprintf(1, n < 0 ? "refused %d\n" : "written\n", error);
			close(fd);
		} else if (sscanf(line, "read %63s", file) == 1) {
			tell(file);
		} else if (sscanf(line, "fork %63s", file) == 1) {
			pid_t child = fork();
			int status;

			CHECK(child >= 0);
			if (!child) {
				tell(file);
				_exit(0);
			}
			CHECK(waitpid(child, &status, 0) == child && status == 0);
		} else if (!strcmp(line, "exec")) {
			execv("/proc/self/exe", argv);
			fail("exec");
		} else {
			fail("not an order: %s", line);
		}
	}
	return pass();
}
