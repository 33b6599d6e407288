/** `1 token`, `2 tokens`, `1,204 entries`. */
export function counted(count: number, one: string, several = `${one}s`): string {
  return count === 1 ? `1 ${one}` : `${count.toLocaleString('en')} ${several}`;
}
