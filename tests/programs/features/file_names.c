/* SPDX-License-Identifier: GPL-2.0-only */
/* files: names: rename, links, open files without a name, O_TMPFILE, openat2, statx, times, extended attributes */
#include "feature.h"
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/xattr.h>

int main(int argc, char **argv)
{
	char directory[] = "/tmp/feature.XXXXXX", text[64];

	begin(argc, argv);
	CHECK(mkdtemp(directory) && chdir(directory) == 0);
	int at = open(".", O_RDONLY | O_DIRECTORY);

	CHECK(at >= 0);
	ready();
	do {
		struct statx extended;
		struct stat status;
		struct timespec times[2] = { { 1000000000, 5 }, { 1100000000, 6 } };
		int fd = open("one", O_CREAT | O_RDWR | O_EXCL, 0644);

		CHECK(fd >= 0 && write(fd, "contents", 8) == 8 && link("one", "two") == 0);
		CHECK(symlink("two", "three") == 0 && rename("one", "four") == 0);
		point();
		CHECK(access("one", F_OK) == -1 && errno == ENOENT);
		CHECK(readlinkat(at, "three", text, sizeof text) == 3 && stat("three", &status) == 0 && status.st_nlink == 2);
		CHECK(unlink("two") == 0 && stat("three", &status) == -1 && lstat("three", &status) == 0);
		CHECK(S_ISLNK(status.st_mode) && unlink("three") == 0 && unlink("four") == 0);
		CHECK(fstat(fd, &status) == 0 && status.st_nlink == 0 && pread(fd, text, 8, 0) == 8);
		CHECK(futimens(fd, times) == 0 && statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &extended) == 0);
		CHECK(extended.stx_atime.tv_nsec == 5 && extended.stx_mtime.tv_sec == 1100000000 && extended.stx_size == 8);
		CHECK(fchmod(fd, 0741) == 0 && fstat(fd, &status) == 0 && (status.st_mode & 0777) == 0741);
		CHECK(fsetxattr(fd, "trusted.feature", "value", 5, 0) == 0 || errno == EPERM || errno == ENOTSUP);
		if (!errno)
			CHECK(fgetxattr(fd, "trusted.feature", text, sizeof text) == 5);
		errno = 0;
		CHECK(close(fd) == 0);
		/* From nameless to named. */
		fd = open(".", O_TMPFILE | O_RDWR, 0600);
		CHECK(fd >= 0);
		snprintf(text, sizeof text, "/proc/self/fd/%d", fd);
		CHECK(linkat(AT_FDCWD, text, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0 && close(fd) == 0);
		struct open_how how = { .flags = O_RDONLY, .resolve = RESOLVE_BENEATH };

		fd = syscall(SYS_openat2, at, "named", &how, sizeof how);
		CHECK(fd >= 0 && close(fd) == 0);
		CHECK(syscall(SYS_openat2, at, "../x", &how, sizeof how) == -1 && errno == EXDEV);
		CHECK(renameat2(at, "named", at, "other", RENAME_NOREPLACE) == 0 && unlinkat(at, "other", 0) == 0);
	} while (again());
	CHECK(chdir("/") == 0 && rmdir(directory) == 0);
	return pass();
}
