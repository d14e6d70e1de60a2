/* SPDX-License-Identifier: GPL-2.0-only */
/* files: pipes: contents, capacity, end of file, packets, non-blocking */
#include "feature.h"

#define SIZE 50000

static char out[SIZE], in[1 << 17];

int main(int argc, char **argv)
{
	int ends[2], unread;

	begin(argc, argv);
	ready();
	do {
		CHECK(pipe2(ends, O_NONBLOCK) == 0);
		struct pollfd polled = { .fd = ends[0], .events = POLLIN };

		fill(out, SIZE, run.round);
		CHECK(read(ends[0], in, 10) == -1 && errno == EAGAIN && poll(&polled, 1, 0) == 0);
		CHECK(write(ends[1], out, SIZE) == SIZE);
		point();
		CHECK(poll(&polled, 1, 0) == 1 && polled.revents == POLLIN);
		CHECK(read(ends[0], in, 777) == 777 && read(ends[0], in + 777, sizeof in - 777) == SIZE - 777);
		CHECK(!memcmp(in, out, SIZE));
		CHECK(fcntl(ends[1], F_SETPIPE_SZ, 1 << 17) == 1 << 17 && fcntl(ends[0], F_GETPIPE_SZ) == 1 << 17);
		while ((unread = write(ends[1], out, PAGE)) > 0)
			;
		CHECK(errno == EAGAIN);
		CHECK(read(ends[0], in, sizeof in) == 1 << 17);
		/* Each write is a packet. */
		CHECK(fcntl(ends[1], F_SETFL, O_DIRECT | O_NONBLOCK) == 0);
		CHECK(write(ends[1], "first", 5) == 5 && write(ends[1], "second", 6) == 6);
		point();
		CHECK(read(ends[0], in, 100) == 5 && read(ends[0], in, 3) == 3 && !memcmp(in, "sec", 3));
		CHECK(close(ends[1]) == 0 && poll(&polled, 1, 0) == 1 && (polled.revents & POLLHUP));
		CHECK(read(ends[0], in, 100) == 0 && close(ends[0]) == 0);
	} while (again());
	return pass();
}
