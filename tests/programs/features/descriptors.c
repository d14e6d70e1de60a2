/* SPDX-License-Identifier: GPL-2.0-only */
/* files: dup, close_range, close-on-exec, status flags, offsets shared by copies, /proc/self/fd, the highest number */
#include "feature.h"
#include <linux/close_range.h>

int main(int argc, char **argv)
{
	begin(argc, argv);
	ready();
	do {
		int fd = nameless_file();

		CHECK(write(fd, "0123456789", 10) == 10 && fcntl(fd, F_DUPFD_CLOEXEC, 500) == 500 && dup2(fd, 501) == 501);
		CHECK(dup3(fd, fd, 0) == -1 && errno == EINVAL);
		CHECK(fcntl(500, F_GETFD) == FD_CLOEXEC && fcntl(501, F_GETFD) == 0);
		CHECK(lseek(500, 3, SEEK_SET) == 3);
		point();
		CHECK(lseek(501, 0, SEEK_CUR) == 3 && lseek(fd, 0, SEEK_CUR) == 3);
		CHECK(fcntl(501, F_SETFL, O_APPEND) == 0 && (fcntl(500, F_GETFL) & O_APPEND));
		CHECK(syscall(SYS_close_range, 500, 600, CLOSE_RANGE_CLOEXEC) == 0 && fcntl(501, F_GETFD) == FD_CLOEXEC);
		CHECK(syscall(SYS_close_range, 500, 600, 0) == 0 && fcntl(500, F_GETFD) == -1 && errno == EBADF);
		/* The lowest free number is taken. */
		int next = dup(fd);

		CHECK(next == fd + 1 && close(fd) == 0 && dup(next) == fd && close(next) == 0 && close(fd) == 0);
	} while (again());
	return pass();
}
