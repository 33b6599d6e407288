/** Works as another user of the machine, and in the group of the same number. Of root only. */
export async function asUser(id: number, work: () => Promise<void>): Promise<void> {
  process.setegid?.(id);
  process.seteuid?.(id);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}
