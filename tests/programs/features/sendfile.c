/* SPDX-License-Identifier: GPL-2.0-only */
/* files: sendfile from a file to a socket and to a file */
#include "feature.h"
#include <sys/sendfile.h>
#include <sys/socket.h>

#define SIZE 60000

static char out[SIZE], in[SIZE];

int main(int argc, char **argv)
{
	int sockets[2];

	begin(argc, argv);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
	ready();
	do {
		int from = nameless_file(), to = nameless_file();
		off_t offset = 10000;

		fill(out, SIZE, run.round);
		CHECK(write(from, out, SIZE) == SIZE && lseek(from, 100, SEEK_SET) == 100);
		CHECK(sendfile(sockets[0], from, &offset, 30000) == 30000 && offset == 40000);
		point();
		CHECK(lseek(from, 0, SEEK_CUR) == 100);
		CHECK(recv(sockets[1], in, 30000, MSG_WAITALL) == 30000 && !memcmp(in, out + 10000, 30000));
		/* To the end of the file, from its own offset. */
		CHECK(sendfile(to, from, NULL, 1 << 20) == SIZE - 100);
		CHECK(lseek(from, 0, SEEK_CUR) == SIZE && sendfile(to, from, NULL, 100) == 0);
		CHECK(pread(to, in, SIZE, 0) == SIZE - 100 && !memcmp(in, out + 100, SIZE - 100));
		CHECK(close(from) == 0 && close(to) == 0);
	} while (again());
	return pass();
}
