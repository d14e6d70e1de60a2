// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/hpc. Fixed files are ordinary proc entries; /proc/hpc/pids/PID/ is looked up, for every process
 * there is, by our own inode operations. What a file says and does is decided in Rust: a file is
 * a number and an argument (node id or pid).
 *
 * A writer reads the reason for a refusal from the descriptor it wrote to. Dentries of processes
 * are never cached and each holds a module reference, so that somebody sitting in such a directory makes rmmod
 * refuse, not the kernel fall.
 */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/pid.h>
#include <linux/proc_fs.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "shim.h"

#define OM_TEXT_MAX (64 * 1024)

/* From Rust. `show` returns the number of bytes put into buf; `store` an errno, with a reason in buf. */
long om_rust_proc_show(unsigned int file, unsigned int arg, u8 *buf, size_t len);
long om_rust_proc_store(unsigned int file, unsigned int arg, const u8 *data, size_t len, u8 *reason, size_t *rlen);

struct om_open {
	unsigned int file, arg;
	bool filled, ended;	/* ended: the reader has met the end of the text once */
	size_t len;
	struct mutex lock;
	char *text;
};

#define FILE_OF(v) ((unsigned int)((v) & 0xff))
#define ARG_OF(v) ((unsigned int)((v) >> 8))

static int om_open(struct inode *inode, struct file *file)
{
	struct om_open *o = kzalloc(sizeof(*o), GFP_KERNEL);
	unsigned long v = (unsigned long)(inode->i_private ? inode->i_private : pde_data(inode));

	if (!o)
		return -ENOMEM;
	o->text = kvmalloc(OM_TEXT_MAX, GFP_KERNEL_ACCOUNT);
	if (!o->text) {
		kfree(o);
		return -ENOMEM;
	}
	mutex_init(&o->lock);
	o->file = FILE_OF(v);
	o->arg = ARG_OF(v);
	file->private_data = o;
	return 0;
}

static int om_release(struct inode *inode, struct file *file)
{
	struct om_open *o = file->private_data;

	kvfree(o->text);
	kfree(o);
	return 0;
}

static ssize_t om_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	struct om_open *o = file->private_data;
	ssize_t n = 0;

	mutex_lock(&o->lock);
	if (!o->filled) {
		n = om_rust_proc_show(o->file, o->arg, o->text, OM_TEXT_MAX);
		if (n >= 0) {
			o->len = n;
			o->filled = true;
		}
	}
	if (n >= 0)
		n = simple_read_from_buffer(buf, len, pos, o->text, o->len);
	mutex_unlock(&o->lock);
	return n;
}

static ssize_t om_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	struct om_open *o = file->private_data;
	size_t rlen = OM_TEXT_MAX;
	u8 *data;
	long ret;

	if (len > OM_TEXT_MAX)
		return -E2BIG;
	data = kvmalloc(len + 1, GFP_KERNEL);
	if (!data)
		return -ENOMEM;
	if (copy_from_user(data, buf, len)) {
		kvfree(data);
		return -EFAULT;
	}
	mutex_lock(&o->lock);
	ret = om_rust_proc_store(o->file, o->arg, data, len, o->text, &rlen);
	o->len = ret ? rlen : 0;
	o->filled = ret != 0;	/* a reason to read, or afresh next time */
	*pos = 0;
	mutex_unlock(&o->lock);
	kvfree(data);
	/* Who waits for others may be moved meanwhile: without a handler the order is given again, which changes nothing. */
	if (ret == -EINTR)
		ret = -ERESTARTNOHAND;
	return ret ? ret : len;
}

static loff_t om_llseek(struct file *file, loff_t offset, int whence)
{
	return fixed_size_llseek(file, offset, whence, OM_TEXT_MAX);
}

static const struct proc_ops om_proc_ops = {
	.proc_open = om_open,
	.proc_read = om_read,
	.proc_write = om_write,
	.proc_lseek = om_llseek,
	.proc_release = om_release,
};

static const struct file_operations om_file_ops = {
	.owner = THIS_MODULE,
	.open = om_open,
	.read = om_read,
	.write = om_write,
	.llseek = om_llseek,
	.release = om_release,
};

struct proc_dir_entry *om_proc_dir(const char *name, struct proc_dir_entry *parent)
{
	return proc_mkdir(name, parent);
}

struct proc_dir_entry *om_proc_file(const char *name, unsigned int mode, struct proc_dir_entry *parent,
				    unsigned int file, unsigned int arg)
{
	return proc_create_data(name, mode, parent, &om_proc_ops, (void *)(((unsigned long)arg << 8) | file));
}

void om_proc_remove(struct proc_dir_entry *entry)
{
	proc_remove(entry);
}

/* ---- branches: /proc/hpc/pids/PID, nodes/N, remote/PID ---- */

struct om_branch_file {
	char name[16];
	unsigned int mode, file;
};

enum { BRANCH_PIDS, BRANCH_NODES, BRANCH_REMOTE, BRANCHES };

static struct om_branch {
	const struct om_branch_file *files;
	unsigned int n;
} branches[BRANCHES];

/* From Rust: is there such a member; the first one above `after`, 0 if none. */
bool om_rust_branch_exists(unsigned int branch, unsigned int number);
unsigned int om_rust_branch_next(unsigned int branch, unsigned int after);

static void dentry_gone(struct dentry *dentry)
{
	module_put(THIS_MODULE);
}

static const struct dentry_operations om_dentry_ops = {
	.d_delete = always_delete_dentry,
	.d_release = dentry_gone,
};

static struct dentry *add_inode(struct dentry *dentry, struct inode *inode)
{
	if (!try_module_get(THIS_MODULE)) {
		iput(inode);
		return ERR_PTR(-ENOENT);
	}
	d_set_d_op(dentry, &om_dentry_ops);
	d_add(dentry, inode);
	return NULL;
}

/* A member's folder carries (number << 8 | branch), its files (number << 8 | file). */
static struct dentry *member_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	unsigned long v = (unsigned long)dir->i_private;
	struct om_branch *b = &branches[FILE_OF(v)];
	struct inode *inode;
	unsigned int i;

	for (i = 0; i < b->n; i++) {
		if (dentry->d_name.len != strlen(b->files[i].name) ||
		    memcmp(dentry->d_name.name, b->files[i].name, dentry->d_name.len))
			continue;
		inode = new_inode(dir->i_sb);
		if (!inode)
			return ERR_PTR(-ENOMEM);
		inode->i_ino = get_next_ino();
		inode->i_mode = S_IFREG | b->files[i].mode;
		inode->i_uid = dir->i_uid;
		inode->i_gid = dir->i_gid;
		simple_inode_init_ts(inode);
		inode->i_private = (void *)(((unsigned long)ARG_OF(v) << 8) | b->files[i].file);
		inode->i_fop = &om_file_ops;
		return add_inode(dentry, inode);
	}
	return ERR_PTR(-ENOENT);
}

static int member_iterate(struct file *file, struct dir_context *ctx)
{
	struct om_branch *b = &branches[FILE_OF((unsigned long)file_inode(file)->i_private)];
	unsigned int i;

	if (!dir_emit_dots(file, ctx))
		return 0;
	for (i = ctx->pos - 2; i < b->n; i++, ctx->pos++)
		if (!dir_emit(ctx, b->files[i].name, strlen(b->files[i].name), i + 2, DT_REG))
			break;
	return 0;
}

static const struct inode_operations member_iops = { .lookup = member_lookup };
static const struct file_operations member_fops = {
	.owner = THIS_MODULE,
	.read = generic_read_dir,
	.iterate_shared = member_iterate,
	.llseek = generic_file_llseek,
};

/*
 * pids/self. Several processes may use the same dentry, as long as one of them has something open below it, so what they
 * find must be told anew to each.
 */
static const char *self_target(struct dentry *dentry, struct inode *inode, struct delayed_call *done)
{
	pid_t number = task_tgid_vnr(current);
	char *name;

	if (!number)
		return ERR_PTR(-ENOENT);
	name = kasprintf(dentry ? GFP_KERNEL : GFP_ATOMIC, "%d", number);
	if (!name)
		return ERR_PTR(dentry ? -ENOMEM : -ECHILD);
	set_delayed_call(done, kfree_link, name);
	return name;
}

static const struct inode_operations self_iops = { .get_link = self_target };

static struct dentry *self_lookup(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = new_inode(dir->i_sb);

	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->i_ino = get_next_ino();
	inode->i_mode = S_IFLNK | 0777;
	simple_inode_init_ts(inode);
	inode->i_op = &self_iops;
	return add_inode(dentry, inode);
}

static struct dentry *branch_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	unsigned long branch = (unsigned long)pde_data(dir), number;
	struct task_struct *task = NULL;
	struct inode *inode;
	char name[12];

	if (dentry->d_name.len >= sizeof(name))
		return ERR_PTR(-ENOENT);
	memcpy(name, dentry->d_name.name, dentry->d_name.len);
	name[dentry->d_name.len] = 0;
	if (branch == BRANCH_PIDS && !strcmp(name, "self"))
		return self_lookup(dir, dentry);
	if (kstrtoul(name, 10, &number) || !number || number > PID_MAX_LIMIT)
		return ERR_PTR(-ENOENT);
	if (branch == BRANCH_PIDS ? !(task = om_task_find(number)) : !om_rust_branch_exists(branch, number))
		return ERR_PTR(-ENOENT);
	inode = new_inode(dir->i_sb);
	if (!inode) {
		if (task)
			put_task_struct(task);
		return ERR_PTR(-ENOMEM);
	}
	inode->i_ino = get_next_ino();
	inode->i_mode = S_IFDIR | 0555;
	if (task) {
		rcu_read_lock();
		inode->i_uid = __task_cred(task)->euid;
		inode->i_gid = __task_cred(task)->egid;
		rcu_read_unlock();
		put_task_struct(task);
	}
	set_nlink(inode, 2);
	simple_inode_init_ts(inode);
	inode->i_private = (void *)((number << 8) | branch);
	inode->i_op = &member_iops;
	inode->i_fop = &member_fops;
	return add_inode(dentry, inode);
}

static unsigned int next_pid(unsigned int after)
{
	unsigned int next = 0, nr;
	struct task_struct *task;

	rcu_read_lock();
	for_each_process(task) {
		nr = task_tgid_vnr(task);
		if (nr > after && (!next || nr < next))
			next = nr;
	}
	rcu_read_unlock();
	return next;
}

/* Every member in order; the position is the last number shown, plus 2. */
static int branch_iterate(struct file *file, struct dir_context *ctx)
{
	unsigned long branch = (unsigned long)pde_data(file_inode(file));
	unsigned int next;
	char name[12];

	if (!dir_emit_dots(file, ctx))
		return 0;
	for (;;) {
		next = branch == BRANCH_PIDS ? next_pid(ctx->pos - 2) : om_rust_branch_next(branch, ctx->pos - 2);
		if (!next || !dir_emit(ctx, name, snprintf(name, sizeof(name), "%u", next), next + 2, DT_DIR))
			return 0;
		ctx->pos = next + 2;
		cond_resched();
	}
}

/* Not by way of .owner: the kernel warns when that refuses, as it does while the module is being unloaded. */
static int branch_open(struct inode *inode, struct file *file)
{
	return try_module_get(THIS_MODULE) ? 0 : -ENODEV;
}

static int branch_release(struct inode *inode, struct file *file)
{
	module_put(THIS_MODULE);
	return 0;
}

static const struct inode_operations branch_iops = { .lookup = branch_lookup };
static const struct file_operations branch_fops = {
	.open = branch_open,
	.release = branch_release,
	.read = generic_read_dir,
	.iterate_shared = branch_iterate,
	.llseek = generic_file_llseek,
};

/*
 * A proc directory's operations are not for us to choose, but they lie next to each other in its entry, and what
 * they are by default is known by name. So they are found there, whatever the layout, and replaced.
 */
int om_proc_branch(const char *name, struct proc_dir_entry *parent, unsigned int branch,
		   const struct om_branch_file *files, unsigned int n)
{
	const void *iops = (void *)om_symbol("proc_dir_inode_operations");
	const void *fops = (void *)om_symbol("proc_dir_operations");
	struct proc_dir_entry *dir;
	const void **slot;
	unsigned int i;

	if (!iops || !fops || branch >= BRANCHES)
		return -ENOENT;
	branches[branch] = (struct om_branch) { .files = files, .n = n };
	dir = proc_mkdir_data(name, 0, parent, (void *)(unsigned long)branch);
	if (!dir)
		return -ENOMEM;
	slot = (const void **)dir;
	for (i = 0; i < 16; i++) {
		if (slot[i] == iops && slot[i + 1] == fops) {
			slot[i + 1] = &branch_fops;
			slot[i] = &branch_iops;
			return 0;
		}
	}
	proc_remove(dir);
	return -ENOENT;
}

static void let_go(struct super_block *sb, void *unused)
{
	struct inode *inode;

	spin_lock(&sb->s_inode_list_lock);
	list_for_each_entry(inode, &sb->s_inodes, i_sb_list) {
		if (inode->i_op != &branch_iops)
			continue;
		WRITE_ONCE(inode->i_op, &simple_dir_inode_operations);
		WRITE_ONCE(inode->i_fop, &simple_dir_operations);
	}
	spin_unlock(&sb->s_inode_list_lock);
}

/* After the tree is removed: somebody may still have a branch itself as working directory. */
void om_proc_branches_exit(void)
{
	struct file_system_type *proc = get_fs_type("proc");

	if (!proc)
		return;
	iterate_supers_type(proc, let_go, NULL);
	module_put(proc->owner);
	synchronize_rcu();
}
