/* SPDX-License-Identifier: GPL-2.0-only */
/* files: Unix sockets: descriptors and credentials are passed, datagrams, sequenced packets, names */
#include "feature.h"
#include <sys/socket.h>
#include <sys/un.h>

static void send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec part = { "f", 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof control };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	*header = (struct cmsghdr){ CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	CHECK(sendmsg(socket, &message, 0) == 1);
}

static int receive_fd(int socket, struct ucred *sender)
{
	char control[256], byte;
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
				  .msg_controllen = sizeof control };
	int fd = -1;

	CHECK(recvmsg(socket, &message, MSG_CMSG_CLOEXEC) == 1 && byte == 'f');
	for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
		CHECK(header->cmsg_level == SOL_SOCKET);
		if (header->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(header), sizeof fd);
		else if (header->cmsg_type == SCM_CREDENTIALS)
			memcpy(sender, CMSG_DATA(header), sizeof *sender);
	}
	return fd;
}

int main(int argc, char **argv)
{
	int ends[2], there[2], one = 1;
	char text[16];

	begin(argc, argv);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && pipe(there) == 0);
	CHECK(setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof one) == 0);
	ready();
	do {
		struct ucred sender = { 0 };
		pid_t child = split();

		if (!child) {
			int own = nameless_file();

			CHECK(write(own, "from the child", 14) == 14);
			hear(there[0]);
			send_fd(ends[1], own);
			_exit(0);
		}
		/* In flight while we move. */
		int file = nameless_file();

		CHECK(write(file, "in flight", 9) == 9);
		send_fd(ends[1], file);
		CHECK(close(file) == 0);
		point();
		file = receive_fd(ends[0], &sender);
		CHECK(file >= 0 && sender.pid == getpid() && pread(file, text, sizeof text, 0) == 9 && !memcmp(text, "in flight", 9));
		CHECK(fcntl(file, F_GETFD) == FD_CLOEXEC && close(file) == 0);
		tell(there[1], 'x');
		file = receive_fd(ends[0], &sender);
		CHECK(file >= 0 && sender.pid == child && sender.uid == getuid());
		CHECK(lseek(file, 0, SEEK_CUR) == 14 && close(file) == 0);
		CHECK(exit_of(child) == 0);

		/* By name, with packets. */
		struct sockaddr_un address = { .sun_family = AF_UNIX }, peer;
		socklen_t length = sizeof peer;

		snprintf(address.sun_path, sizeof address.sun_path, "/tmp/feature.%d.%ld", getpid(), run.round);
		int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0), client = socket(AF_UNIX, SOCK_SEQPACKET, 0);

		CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 1) == 0);
		CHECK(connect(client, (struct sockaddr *)&address, sizeof address) == 0);
		int server = accept(listener, NULL, NULL);

		CHECK(server >= 0 && write(client, "one", 3) == 3 && write(client, "three", 5) == 5);
		CHECK(read(server, text, sizeof text) == 3 && read(server, text, 2) == 2);
		CHECK(getpeername(client, (struct sockaddr *)&peer, &length) == 0 && !strcmp(peer.sun_path, address.sun_path));
		struct ucred credentials;

		length = sizeof credentials;
		CHECK(getsockopt(server, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 && credentials.pid == getpid());
		CHECK(close(server) == 0 && close(client) == 0 && close(listener) == 0 && unlink(address.sun_path) == 0);
	} while (again());
	return pass();
}
