/* SPDX-License-Identifier: GPL-2.0-only */
/* identity: umask, working directory and relative paths, also of a directory that was removed */
#include "feature.h"
#include <sys/stat.h>

int main(int argc, char **argv)
{
	char directory[] = "/tmp/feature.XXXXXX", place[256];
	struct stat status;

	begin(argc, argv);
	CHECK(mkdtemp(directory));
	ready();
	do {
		CHECK(chdir(directory) == 0 && mkdir("below", 0777) == 0 && chdir("below") == 0);
		umask(027);
		point();
		CHECK(getcwd(place, sizeof place) && !strncmp(place, directory, strlen(directory)) &&
		      !strcmp(place + strlen(directory), "/below"));
		int fd = open("file", O_CREAT | O_RDWR | O_EXCL, 0666);

		CHECK(fd >= 0 && fstat(fd, &status) == 0 && (status.st_mode & 0777) == 0640 && close(fd) == 0);
		CHECK(umask(077) == 027 && access("../below/file", R_OK) == 0);
		int up = open("..", O_RDONLY | O_DIRECTORY);

		CHECK(up >= 0 && unlink("file") == 0 && unlinkat(up, "below", AT_REMOVEDIR) == 0);
		point();
		CHECK(!getcwd(place, sizeof place) && errno == ENOENT);
		CHECK(open("file", O_CREAT | O_RDWR, 0666) == -1 && errno == ENOENT);
		CHECK(fchdir(up) == 0 && close(up) == 0 && getcwd(place, sizeof place) && !strcmp(place, directory));
	} while (again());
	CHECK(chdir("/") == 0 && rmdir(directory) == 0);
	return pass();
}
