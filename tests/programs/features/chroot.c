/* SPDX-License-Identifier: GPL-2.0-only */
/* identity: after chroot all paths begin at the new root */
#include "feature.h"
#include <sys/stat.h>

int main(int argc, char **argv)
{
	char directory[] = "/tmp/feature.XXXXXX", place[64];

	begin(argc, argv);
	if (geteuid() != 0)
		skip("not root");
	CHECK(mkdtemp(directory));
	int outside = open("/", O_RDONLY | O_DIRECTORY);

	CHECK(outside >= 0 && chroot(directory) == 0 && chdir("/") == 0);
	ready();
	do {
		point();
		CHECK(access("/proc/self", F_OK) == -1 && errno == ENOENT);
		CHECK(getcwd(place, sizeof place) && !strcmp(place, "/"));
		CHECK(mkdir("/inside", 0755) == 0 && access("/../../inside", F_OK) == 0);
		CHECK(symlink("/inside", "/link") == 0 && chdir("/link") == 0);
		CHECK(getcwd(place, sizeof place) && !strcmp(place, "/inside"));
		point();
		CHECK(chdir("..") == 0 && rmdir("/inside") == 0 && unlink("/link") == 0);
		/* What is open is open. */
		CHECK(faccessat(outside, "proc", F_OK, 0) == 0);
	} while (again());
	CHECK(unlinkat(outside, directory + 1, AT_REMOVEDIR) == 0);
	return pass();
}
