/* SPDX-License-Identifier: GPL-2.0-only */
/* files: ioctl with structures: terminal settings, FIONREAD, FIONBIO, SIOCGIFCONF, interface flags */
#include "feature.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	int ends[2], master, slave, on = 1, waiting;

	begin(argc, argv);
	CHECK(pipe(ends) == 0 && openpty(&master, &slave, NULL, NULL, NULL) == 0);
	int net = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(net >= 0);
	ready();
	do {
		struct ifreq requests[16], one;
		struct ifconf interfaces = { .ifc_len = sizeof requests, .ifc_req = requests };
		int loopback = 0;

		CHECK(write(ends[1], "12345", 5) == 5);
		point();
		CHECK(ioctl(ends[0], FIONREAD, &waiting) == 0 && waiting == 5);
		CHECK(ioctl(ends[0], FIONBIO, &on) == 0 && (fcntl(ends[0], F_GETFL) & O_NONBLOCK));
		char text[8];

		CHECK(read(ends[0], text, 8) == 5 && read(ends[0], text, 8) == -1 && errno == EAGAIN);
		CHECK(ioctl(net, SIOCGIFCONF, &interfaces) == 0 && interfaces.ifc_len >= (int)sizeof one);
		for (int i = 0; i < interfaces.ifc_len / (int)sizeof one; i++) {
			struct sockaddr_in *address = (struct sockaddr_in *)&requests[i].ifr_addr;

			loopback |= !strcmp(requests[i].ifr_name, "lo") && address->sin_addr.s_addr == htonl(INADDR_LOOPBACK);
		}
		CHECK(loopback);
		memset(&one, 0, sizeof one);
		strcpy(one.ifr_name, "lo");
		CHECK(ioctl(net, SIOCGIFFLAGS, &one) == 0 && (one.ifr_flags & (IFF_UP | IFF_LOOPBACK)) == (IFF_UP | IFF_LOOPBACK));
		CHECK(ioctl(net, SIOCGIFMTU, &one) == 0 && one.ifr_mtu >= 1500);
		strcpy(one.ifr_name, "nothing");
		CHECK(ioctl(net, SIOCGIFMTU, &one) == -1 && errno == ENODEV);
		struct termios2_like { unsigned flags[4]; unsigned char line, control[19]; unsigned in, out; } settings;

		/* TCGETS2 and TCSETS2, with a speed of our own. */
		CHECK(ioctl(slave, 0x802c542a, &settings) == 0);
		settings.flags[2] = (settings.flags[2] & ~0x100f) | 0x1000;
		settings.in = settings.out = 12345 + run.round;
		CHECK(ioctl(slave, 0x402c542b, &settings) == 0);
		memset(&settings, 0, sizeof settings);
		point();
		CHECK(ioctl(slave, 0x802c542a, &settings) == 0 && settings.out == 12345 + run.round);
		unsigned number;

		CHECK(ioctl(master, TIOCGPTN, &number) == 0 && ioctl(ends[0], TIOCGPTN, &number) == -1 && errno == ENOTTY);
	} while (again());
	return pass();
}
