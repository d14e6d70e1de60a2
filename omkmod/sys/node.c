// SPDX-License-Identifier: GPL-2.0-only
/* What this node is and how busy it is. */
#include <linux/cpumask.h>
#include <linux/inetdevice.h>
#include <linux/kernel_stat.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/swap.h>

#include <net/route.h>

#include "shim.h"

/* Bytes: not in use; to be had without swapping; in the machine. */
void om_node_memory(u64 *free, u64 *available, u64 *total)
{
	struct sysinfo i;

	si_meminfo(&i);
	*free = (u64)i.freeram * i.mem_unit;
	*available = (u64)max(si_mem_available(), 0L) << PAGE_SHIFT;
	*total = (u64)i.totalram * i.mem_unit;
}

/* Bytes of swap that are free. */
u64 om_node_swap(void) { return (u64)max(get_nr_swap_pages(), 0L) << PAGE_SHIFT; }

unsigned int om_node_cpus(void) { return num_online_cpus(); }

/* Nanoseconds that all processors together were busy, and were there. */
void om_node_cputime(u64 *busy, u64 *total)
{
	u64 b = 0, t = 0;
	int cpu, i;

	for_each_online_cpu(cpu) {
		struct kernel_cpustat *k = &kcpustat_cpu(cpu);

		for (i = 0; i < NR_STATS; i++) {
			if (i == CPUTIME_GUEST || i == CPUTIME_GUEST_NICE)
				continue;
			t += k->cpustat[i];
			if (i != CPUTIME_IDLE && i != CPUTIME_IOWAIT)
				b += k->cpustat[i];
		}
	}
	*busy = b;
	*total = t;
}

/* Is this address one of ours? */
bool om_has_address(u32 ip)
{
	struct net_device *dev;
	bool found = false;

	rcu_read_lock();
	dev = __ip_dev_find(&init_net, htonl(ip), false);
	found = dev && inet_addr_type(&init_net, htonl(ip)) == RTN_LOCAL;
	rcu_read_unlock();
	return found;
}
