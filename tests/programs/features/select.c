/* SPDX-License-Identifier: GPL-2.0-only */
/* files: select with all three sets and descriptors far apart */
#include "feature.h"
#include <sys/select.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	int ends[2], sockets[2];
	fd_set readable, writable, exceptional;

	begin(argc, argv);
	CHECK(pipe(ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
	CHECK(dup2(ends[0], 900) == 900 && dup2(sockets[0], 63) == 63);
	ready();
	do {
		struct timeval time = { 0, 20000 };

		FD_ZERO(&readable);
		FD_ZERO(&writable);
		FD_ZERO(&exceptional);
		FD_SET(900, &readable);
		FD_SET(63, &readable);
		FD_SET(63, &writable);
		FD_SET(900, &exceptional);
		CHECK(select(901, &readable, &writable, &exceptional, &time) == 1);
		CHECK(!FD_ISSET(900, &readable) && FD_ISSET(63, &writable) && !FD_ISSET(63, &readable));
		tell(ends[1], 'x');
		tell(sockets[1], 'y');
		point();
		FD_ZERO(&readable);
		FD_SET(900, &readable);
		FD_SET(63, &readable);
		CHECK(select(901, &readable, NULL, NULL, NULL) == 2 && FD_ISSET(900, &readable) && FD_ISSET(63, &readable));
		CHECK(hear(900) == 'x' && hear(63) == 'y');
		time = (struct timeval){ 0, 20000 };
		int64_t before = now();

		CHECK(select(901, &readable, NULL, NULL, &time) == 0 && now() - before >= 10000000);
		CHECK(!FD_ISSET(900, &readable));
		FD_SET(800, &readable);
		CHECK(select(901, &readable, NULL, NULL, NULL) == -1 && errno == EBADF);
	} while (again());
	return pass();
}
