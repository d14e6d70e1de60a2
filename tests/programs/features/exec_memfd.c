/* SPDX-License-Identifier: GPL-2.0-only */
/* life: a program that is only in memory is executed: memfd_create, seals, execveat */
#include "feature.h"
#include <sys/mman.h>

int main(int argc, char **argv)
{
	extern char **environ;
	static char bytes[1 << 16];

	if (argc > 1 && !strcmp(argv[1], "child"))
		return strncmp(self(), "/memfd:program", 14) ? 1 : 52;
	begin(argc, argv);
	int fd = memfd_create("program", MFD_CLOEXEC | MFD_ALLOW_SEALING), from = open("/proc/self/exe", O_RDONLY);
	ssize_t length;

	CHECK(fd >= 0 && from >= 0);
	while ((length = read(from, bytes, sizeof bytes)) > 0)
		CHECK(write(fd, bytes, length) == length);
	CHECK(length == 0 && close(from) == 0);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0);
	ready();
	do {
		point();
		CHECK(pwrite(fd, "x", 1, 0) == -1 && errno == EPERM);
		pid_t child = split();

		if (!child) {
			char *arguments[] = { "x", "child", NULL };

			execveat(fd, "", arguments, environ, AT_EMPTY_PATH);
			fail("exec");
		}
		CHECK(exit_of(child) == 52);
	} while (again());
	return pass();
}
