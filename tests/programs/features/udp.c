/* SPDX-License-Identifier: GPL-2.0-only */
/* files: UDP: datagrams with addresses, sendmmsg and recvmmsg, truncation, connected sockets, control messages */
#include "feature.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define MESSAGES 5

int main(int argc, char **argv)
{
	struct sockaddr_in addresses[2], from;
	int sockets[2], one = 1;
	socklen_t size;
	char text[2000];

	begin(argc, argv);
	for (int i = 0; i < 2; i++) {
		addresses[i] = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		size = sizeof addresses[i];
		sockets[i] = socket(AF_INET, SOCK_DGRAM, 0);
		CHECK(sockets[i] >= 0 && bind(sockets[i], (struct sockaddr *)&addresses[i], size) == 0);
		CHECK(getsockname(sockets[i], (struct sockaddr *)&addresses[i], &size) == 0);
	}
	CHECK(setsockopt(sockets[1], IPPROTO_IP, IP_PKTINFO, &one, sizeof one) == 0);
	ready();
	do {
		struct mmsghdr out[MESSAGES], in[MESSAGES];
		struct iovec out_parts[MESSAGES][2], in_parts[MESSAGES];
		static char buffers[MESSAGES][64];
		char control[256];

		memset(out, 0, sizeof out);
		memset(in, 0, sizeof in);
		for (int i = 0; i < MESSAGES; i++) {
			out_parts[i][0] = (struct iovec){ "message ", 8 };
			out_parts[i][1] = (struct iovec){ "abcdefgh", 1 + i };
			out[i].msg_hdr = (struct msghdr){ .msg_name = &addresses[1], .msg_namelen = sizeof addresses[1],
							  .msg_iov = out_parts[i], .msg_iovlen = 2 };
			in_parts[i] = (struct iovec){ buffers[i], sizeof buffers[i] };
			in[i].msg_hdr = (struct msghdr){ .msg_iov = &in_parts[i], .msg_iovlen = 1 };
		}
		CHECK(sendmmsg(sockets[0], out, MESSAGES, 0) == MESSAGES && out[2].msg_len == 11);
		point();
		CHECK(recvmmsg(sockets[1], in, MESSAGES, 0, NULL) == MESSAGES);
		for (int i = 0; i < MESSAGES; i++)
			CHECK(in[i].msg_len == 9u + i && !memcmp(buffers[i], "message abcdefgh", 9 + i));
		/* Who sent it, where it came in, and that it was longer. */
		CHECK(sendto(sockets[0], "too long", 8, 0, (struct sockaddr *)&addresses[1], sizeof addresses[1]) == 8);
		struct iovec part = { text, 3 };
		struct msghdr message = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1,
					  .msg_control = control, .msg_controllen = sizeof control };

		CHECK(recvmsg(sockets[1], &message, 0) == 3 && (message.msg_flags & MSG_TRUNC) && !memcmp(text, "too", 3));
		CHECK(from.sin_port == addresses[0].sin_port && from.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);

		CHECK(header && header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO);
		struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(header);

		CHECK(info->ipi_addr.s_addr == htonl(INADDR_LOOPBACK));
		CHECK(connect(sockets[0], (struct sockaddr *)&addresses[1], sizeof addresses[1]) == 0);
		CHECK(send(sockets[0], "", 0, 0) == 0);
		point();
		CHECK(recv(sockets[1], text, sizeof text, 0) == 0);
		CHECK(recv(sockets[1], text, sizeof text, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	} while (again());
	return pass();
}
