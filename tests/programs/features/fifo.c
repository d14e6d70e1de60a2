/* SPDX-License-Identifier: GPL-2.0-only */
/* files: FIFOs: opening waits for the other side, end of file when the last writer leaves */
#include "feature.h"
#include <sys/stat.h>

int main(int argc, char **argv)
{
	char directory[] = "/tmp/feature.XXXXXX", path[64], text[16];

	begin(argc, argv);
	CHECK(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/fifo", directory);
	CHECK(mkfifo(path, 0600) == 0);
	ready();
	do {
		CHECK(open(path, O_WRONLY | O_NONBLOCK) == -1 && errno == ENXIO);
		pid_t child = split();

		if (!child) {
			nap(10);
			int fd = open(path, O_WRONLY);

			CHECK(fd >= 0 && write(fd, "through", 7) == 7 && close(fd) == 0);
			_exit(0);
		}
		int fd = open(path, O_RDONLY);

		CHECK(fd >= 0);
		point();
		ssize_t length = 0, got;

		while ((got = read(fd, text + length, sizeof text - length)) > 0)
			length += got;
		CHECK(got == 0 && length == 7 && !memcmp(text, "through", 7));
		CHECK(exit_of(child) == 0 && close(fd) == 0);
	} while (again());
	CHECK(unlink(path) == 0 && rmdir(directory) == 0);
	return pass();
}
