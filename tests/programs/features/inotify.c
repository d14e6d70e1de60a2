/* SPDX-License-Identifier: GPL-2.0-only */
/* files: inotify: creation, writing, renaming and removal are told, with names and cookies */
#include "feature.h"
#include <sys/inotify.h>
#include <sys/ioctl.h>

int main(int argc, char **argv)
{
	char directory[] = "/tmp/feature.XXXXXX", one[64], two[64];
	static const uint32_t expected[] = { IN_CREATE, IN_OPEN, IN_MODIFY, IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO,
					     IN_DELETE };
	enum { EVENTS = sizeof expected / sizeof *expected };

	begin(argc, argv);
	CHECK(mkdtemp(directory));
	snprintf(one, sizeof one, "%s/one", directory);
	snprintf(two, sizeof two, "%s/two", directory);
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	int watch = inotify_add_watch(fd, directory,
				      IN_CREATE | IN_OPEN | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVE | IN_DELETE);

	CHECK(fd >= 0 && watch >= 0);
	ready();
	do {
		char buffer[4096] __attribute__((aligned(8)));
		uint32_t cookie = 0;
		int found = 0, waiting = 0;

		CHECK(read(fd, buffer, sizeof buffer) == -1 && errno == EAGAIN);
		int file = open(one, O_CREAT | O_WRONLY, 0600);

		CHECK(file >= 0 && write(file, "x", 1) == 1 && close(file) == 0);
		CHECK(rename(one, two) == 0);
		point();
		CHECK(unlink(two) == 0 && ioctl(fd, FIONREAD, &waiting) == 0);
		ssize_t length = read(fd, buffer, sizeof buffer);

		CHECK(length == waiting);
		for (char *at = buffer; at < buffer + length;) {
			struct inotify_event *event = (struct inotify_event *)at;

			CHECK(found < EVENTS && event->wd == watch && event->mask == expected[found]);
			CHECK(!strcmp(event->name, found < 5 ? "one" : "two"));
			if (event->mask == IN_MOVED_FROM)
				cookie = event->cookie;
			if (event->mask == IN_MOVED_TO)
				CHECK(event->cookie == cookie && cookie);
			found++;
			at += sizeof *event + event->len;
		}
		CHECK(found == EVENTS);
	} while (again());
	CHECK(inotify_rm_watch(fd, watch) == 0 && rmdir(directory) == 0);
	return pass();
}
