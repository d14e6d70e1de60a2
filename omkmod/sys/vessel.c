// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vessel: a fresh task that becomes a guest.
 *
 * It is started by the usermode helper with a program of one instruction that the module carries itself (in
 * an unlinked shmem file), so nothing has to be installed. Before its first instruction our work runs in it,
 * empties its address space and lets the process move in. The time namespace is made before the exec, because
 * its offsets freeze when the first task enters it.
 */
#include <linux/cred.h>
#include <linux/elf.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/kmod.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/time_namespace.h>
#include <linux/umh.h>
#include <asm/unistd.h>

#include "clocks.h"
#include "shim.h"
#include "task.h"
#include "vdso.h"

static struct file *program;

/* A complete static program: exit(127), should it ever be allowed to run. */
static const struct {
	struct elf64_hdr ehdr;
	struct elf64_phdr phdr[2];
	u8 code[12];
} __packed image = {
	.ehdr = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
		.e_entry = 0x400000 + sizeof(struct elf64_hdr) + 2 * sizeof(struct elf64_phdr),
		.e_phoff = sizeof(struct elf64_hdr), .e_ehsize = sizeof(struct elf64_hdr),
		.e_phentsize = sizeof(struct elf64_phdr), .e_phnum = 2,
	},
	.phdr = {
		{ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x400000, .p_paddr = 0x400000,
		  .p_filesz = sizeof(image), .p_memsz = sizeof(image), .p_align = PAGE_SIZE },
		{ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W, .p_align = 16 },
	},
	/* mov $60,%eax; mov $127,%edi; syscall */
	.code = { 0xb8, 60, 0, 0, 0, 0xbf, 127, 0, 0, 0, 0x0f, 0x05 },
};

int om_vessel_init(void)
{
	loff_t pos = 0;
	ssize_t n;

	program = shmem_file_setup("openmosix-guest", sizeof(image), VM_NORESERVE);
	if (IS_ERR(program))
		return PTR_ERR(program);
	n = kernel_write(program, &image, sizeof(image), &pos);
	if (n == sizeof(image))
		return 0;
	fput(program);
	return n < 0 ? n : -EIO;
}

void om_vessel_exit(void)
{
	fput(program);
}

struct om_vessel {
	struct callback_head work;
	void (*fn)(void *data, bool exiting);
	void *data;
	struct om_shifts shifts;
	bool *begun;
};

static void vessel_run(struct callback_head *head)
{
	struct om_vessel *v = container_of(head, struct om_vessel, work);
	void (*fn)(void *, bool) = v->fn;
	void *data = v->data;

	om_clocks_shift(&v->shifts);
	kfree(v);
	fn(data, current->flags & PF_EXITING);
	om_restart_check();
	module_put(THIS_MODULE);
}

static int vessel_prepare(struct subprocess_info *info, struct cred *new)
{
	struct om_vessel *v = info->data;
	int fd, ret = 0;

#ifdef CONFIG_TIME_NS
	ret = om_syscall(__NR_unshare, CLONE_NEWTIME, 0, 0, 0, 0, 0);
	if (ret)
		return ret;
	current->nsproxy->time_ns_for_children->offsets.monotonic = ns_to_timespec64(v->shifts.monotonic);
	current->nsproxy->time_ns_for_children->offsets.boottime = ns_to_timespec64(v->shifts.boottime);
#endif
	fd = get_unused_fd_flags(0);
	if (fd < 0)
		return fd;
	fd_install(fd, get_file(program));
	if (fd != 0)
		return -EMFILE;
	init_task_work(&v->work, vessel_run);
	ret = task_work_add(current, &v->work, TWA_RESUME);
	if (!ret)
		*v->begun = true;
	return ret;
}

/*
 * Starts a task in which fn(data, exiting) runs before anything else. On error fn is never called; when
 * the task was made but died before it could begin, fn is called with `exiting` and 0 returned.
 */
int om_vessel_start(void (*fn)(void *, bool), void *data, const struct om_shifts *shifts)
{
	static char *argv[] = { "openmosix-guest", NULL };
	static char *envp[] = { NULL };
	struct subprocess_info *info;
	struct om_vessel *v = kzalloc(sizeof(*v), GFP_KERNEL);
	bool begun = false;
	int ret;

	if (!v)
		return -ENOMEM;
	if (!try_module_get(THIS_MODULE)) {
		kfree(v);
		return -EBUSY;
	}
	v->fn = fn;
	v->data = data;
	v->begun = &begun;
	v->shifts = *shifts;
	info = call_usermodehelper_setup("/proc/self/fd/0", argv, envp, GFP_KERNEL, vessel_prepare, NULL, v);
	if (!info) {
		kfree(v);
		module_put(THIS_MODULE);
		return -ENOMEM;
	}
	ret = call_usermodehelper_exec(info, UMH_WAIT_EXEC);
	/* Failed before the work was queued: fn will never be called, v is still ours. */
	if (ret && !READ_ONCE(begun)) {
		kfree(v);
		module_put(THIS_MODULE);
		return ret;
	}
	return 0;
}

/* Own vDSO and vvar go where the process expects them. */
static int move_block(u64 from, u64 to, u64 len)
{
	long at = om_syscall(__NR_mremap, from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to, 0);

	return at == to ? 0 : at < 0 ? at : -ENOMEM;
}

static int move_vdso(const struct om_mm_info *have, u64 vvar, u64 vdso)
{
	int ret = have->vvar ? move_block(have->vvar, vvar, have->vvar_len) : 0;

	return ret ? ret : move_block(have->vdso, vdso, have->vdso_len);
}

/* Nothing of the vessel stays but its vDSO, at the wanted place; then its rights go. */
int om_rebirth(const struct om_mm_info *want)
{
	struct mm_struct *mm = current->mm;
	struct om_mm_info have;
	struct vm_area_struct *vma;
	unsigned long start, end;
	struct cred *new;
	int ret;

	close_fd(0);
	for (;;) {
		VMA_ITERATOR(vmi, mm, 0);

		start = end = 0;
		mmap_read_lock(mm);
		for_each_vma(vmi, vma) {
			if (om_vma_is_special(vma))
				continue;
			start = vma->vm_start;
			end = vma->vm_end;
			break;
		}
		mmap_read_unlock(mm);
		if (!end)
			break;
		ret = vm_munmap(start, end - start);
		if (ret)
			return ret;
	}

	om_mm_info_get(&have);
	if (have.vdso_len != want->vdso_len || have.vvar_len != want->vvar_len ||
	    have.vdso_hash != want->vdso_hash ||
	    want->vdso - want->vvar != have.vdso - have.vvar)
		return -ENOEXEC;
	if (have.vdso != want->vdso) {
		u64 total = have.vdso + have.vdso_len - have.vvar;
		u64 distance = have.vvar > want->vvar ? have.vvar - want->vvar : want->vvar - have.vvar;

		if (distance < total) {
			/* Overlapping: by way of a free place far enough from both. */
			u64 aside = have.vvar > 0x10000000 ? have.vvar - 0x8000000 : have.vvar + 0x8000000;

			ret = move_vdso(&have, aside, aside + (have.vdso - have.vvar));
			if (ret)
				return ret;
			om_mm_info_get(&have);
		}
		ret = move_vdso(&have, want->vvar, want->vdso);
		if (ret)
			return ret;
	}

#ifdef CONFIG_TIME_NS
	om_vdso_shift();
#endif

	/* A guest owns nothing here: no descriptors, no rights, a user of its own. */
	new = prepare_creds();
	if (!new)
		return -ENOMEM;
	new->uid = new->euid = new->suid = new->fsuid = KUIDT_INIT(65534);
	new->gid = new->egid = new->sgid = new->fsgid = KGIDT_INIT(65534);
	cap_clear(new->cap_permitted);
	cap_clear(new->cap_effective);
	cap_clear(new->cap_inheritable);
	cap_clear(new->cap_bset);
	cap_clear(new->cap_ambient);
	return commit_creds(new);
}
