/** Kernel functions that programs call, by number (include/uapi/linux/bpf.h, `___BPF_FUNC_MAPPER`). */
export const HELPER = {
  map_lookup_elem: 1,
  map_update_elem: 2,
  map_delete_elem: 3,
  ktime_get_ns: 5,
  get_current_pid_tgid: 14,
  get_current_comm: 16,
  send_signal: 109,
  probe_read_user: 112,
  probe_read_kernel: 113,
  probe_read_user_str: 114,
  probe_read_kernel_str: 115,
  ringbuf_output: 130,
  get_current_task_btf: 158,
  task_pt_regs: 175,
} as const;
export type Helper = keyof typeof HELPER;

export const helperName: ReadonlyMap<number, Helper> = new Map(
  Object.entries(HELPER).map(([name, nr]) => [nr, name as Helper]),
);
