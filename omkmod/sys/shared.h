/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef OM_SHARED_H
#define OM_SHARED_H

#include <linux/mm_types.h>
#include <linux/types.h>

struct address_space;
struct om_object;
struct om_twin;

/* A table of ours in place of a mapping's own, which it goes on to for what it does not do itself. */
const struct vm_operations_struct *om_wrap_ops(const struct vm_operations_struct *own, bool twin);
const struct vm_operations_struct *om_wrapped_ops(struct vm_area_struct *vma);
bool om_vma_is_twin(struct vm_area_struct *vma);

/* Home: shared memory whose content is at another node. */
bool om_share_movable(struct vm_area_struct *vma);
bool om_share_split(struct vm_area_struct *vma);
bool om_is_shared(struct vm_area_struct *vma);
bool om_share_needed(struct mm_struct *mm, bool *reachable);
bool om_is_changing(struct vm_area_struct *vma);
int om_share_settle(struct file *file);
bool om_share_away(struct vm_area_struct *vma, u64 *id, u64 *size);
void om_objects_begin(bool wanted);
void om_objects_end(void);
struct om_object *om_object_get(struct vm_area_struct *vma, int node);
void om_objects_sweep(void);
int om_share_read(struct file *file, struct address_space *mapping, pgoff_t index, u8 *out);

/* Host: what stands for it there. */
struct om_twin *om_twin_of(struct file *file);
bool om_twin_has(struct om_twin *twin, pgoff_t index);
int om_twin_fill(struct om_twin *twin, pgoff_t index, struct page *from);
void om_twins_sweep(void);
/* As an entry of an xarray. */
void *om_page_sum(const u8 *data);

int om_shared_init(void);
void om_shared_exit(void);

/* mm.c */
vm_fault_t om_fault(struct vm_fault *vmf);
vm_fault_t om_twin_fault(struct vm_fault *vmf);
vm_fault_t om_page_mkwrite(struct vm_fault *vmf);
int om_access(struct vm_area_struct *vma, unsigned long addr, void *buf, int len, int write);
int om_mm_pid(struct mm_struct *mm);

#endif
