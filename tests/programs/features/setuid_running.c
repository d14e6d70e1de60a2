/* SPDX-License-Identifier: GPL-2.0-only */
/* identity: rights are given up, for a while and for good, and what was allowed is refused from then on */
#include "feature.h"
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define OTHER 4242

int main(int argc, char **argv)
{
	char directory[] = "/tmp/feature.XXXXXX", path[64], mine[64];
	struct stat status;

	begin(argc, argv);
	if (geteuid() != 0)
		skip("not root");
	CHECK(mkdtemp(directory) && chmod(directory, 0777) == 0);
	snprintf(path, sizeof path, "%s/secret", directory);
	snprintf(mine, sizeof mine, "%s/mine", directory);
	CHECK(close(open(path, O_CREAT | O_WRONLY, 0600)) == 0);
	ready();
	do {
		point();
		CHECK(seteuid(OTHER) == 0 && geteuid() == OTHER && getuid() == 0);
		CHECK(open(path, O_RDONLY) == -1 && errno == EACCES);
		int fd = open(mine, O_CREAT | O_RDWR | O_TRUNC, 0600);

		CHECK(fd >= 0 && fstat(fd, &status) == 0 && status.st_uid == OTHER && close(fd) == 0);
		CHECK(seteuid(0) == 0);
		fd = open(path, O_RDONLY);
		CHECK(fd >= 0 && close(fd) == 0);
		CHECK(setfsuid(OTHER) == 0 && setfsuid(-1) == OTHER);
		CHECK(open(path, O_RDONLY) == -1 && errno == EACCES);
		CHECK(setfsuid(0) == OTHER);
		pid_t child = split();

		if (!child) {
			CHECK(setresgid(OTHER, OTHER, OTHER) == 0 && setresuid(OTHER, OTHER, OTHER) == 0);
			CHECK(setuid(0) == -1 && errno == EPERM);
			CHECK(open(path, O_RDONLY) == -1 && errno == EACCES);
			CHECK(prctl(PR_GET_DUMPABLE) == 0);
			_exit(0);
		}
		CHECK(exit_of(child) == 0);
		CHECK(unlink(mine) == 0);
	} while (again());
	CHECK(unlink(path) == 0 && rmdir(directory) == 0);
	/* For good. */
	CHECK(setresuid(OTHER, OTHER, OTHER) == 0 && setuid(0) == -1 && errno == EPERM);
	point();
	CHECK(getuid() == OTHER && geteuid() == OTHER && kill(1, 0) == -1 && errno == EPERM);
	return pass();
}
