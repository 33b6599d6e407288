import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { table, whole } from '../figures.js';
import { type CodeLocation, CodeParts } from './code-parts.js';
import type { LoadGenerator } from './load.js';
import { PEAK_CONNECTIONS } from './plan.js';
import type { ProfilerRequest } from './profiler.js';
import type { RunningContender } from './running-contender.js';

/** Node's option that lets a process be profiled. */
export const PROFILER_OPTIONS = [
  '--import',
  new URL('./profiler.js', import.meta.url).href,
] as const;

const WARM_UP_SECONDS = 15;
const PROFILED_SECONDS = 10;
const SHOWN_FUNCTIONS = 40;

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: CodeLocation;
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface HeapNode {
  readonly callFrame: CodeLocation;
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
}

/** Amounts by part and by function. */
class Amounts {
  readonly parts = new Map<string, number>();
  readonly functions = new Map<string, number>();

  add(part: string, { functionName, url }: CodeLocation, amount: number): void {
    const name = `${functionName || '(anonymous)'} (${part}${url === '' ? ', built in' : ''})`;
    this.parts.set(part, (this.parts.get(part) ?? 0) + amount);
    this.functions.set(name, (this.functions.get(name) ?? 0) + amount);
  }
}

/** Shows the CPU time of the main thread by part, for a token. Writes `cpu.cpuprofile`. */
export async function profileCpu(
  service: RunningContender,
  generator: LoadGenerator,
  folder: string,
): Promise<string> {
  await load(service, generator, WARM_UP_SECONDS);
  const file = await profileFile(folder, 'cpu.cpuprofile');
  await take(service, { profile: 'start', file });
  const tokens = await load(service, generator, PROFILED_SECONDS);
  await take(service, { profile: 'end', file });
  const { nodes, samples, timeDeltas } = JSON.parse(await readFile(file, 'utf8')) as CpuProfile;
  const parts = partsOf(nodes);
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const amounts = new Amounts();
  samples.forEach((id, nth) => {
    const part = parts.get(id) ?? '';
    const frame = frames.get(id);
    if (frame && part !== 'idle') amounts.add(part, frame, timeDeltas[nth] ?? 0);
  });
  return `${tokens} tokens; µs a token on the main thread, with the profiler on\n\n${tablesOf(amounts, tokens)}`;
}

/** Shows what is in memory by part, in kB: idle, and after load. Writes two `.heapprofile` files. */
export async function profileHeap(
  service: RunningContender,
  generator: LoadGenerator,
  folder: string,
): Promise<string> {
  const texts: string[] = [];
  for (const state of ['idle', 'loaded']) {
    if (state === 'loaded') await load(service, generator, WARM_UP_SECONDS);
    const file = await profileFile(folder, `${state}.heapprofile`);
    await take(service, { profile: 'heap', file });
    const { head } = JSON.parse(await readFile(file, 'utf8')) as { readonly head: HeapNode };
    const amounts = new Amounts();
    addHeap(head, 'other', new CodeParts(), amounts);
    const { now } = service.memory();
    texts.push(
      `${state}, resident ${whole(now)} MB; kB in V8's heap\n\n${tablesOf(amounts, 1_000)}`,
    );
  }
  return texts.join('\n\n');
}

async function load(
  service: RunningContender,
  generator: LoadGenerator,
  seconds: number,
): Promise<number> {
  const { receipts } = await generator.run({
    urls: service.urls,
    loop: { connections: PEAK_CONNECTIONS },
    durationMs: seconds * 1000,
  });
  return receipts.length;
}

async function profileFile(folder: string, name: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  return join(process.cwd(), folder, name);
}

async function take({ apis }: RunningContender, request: ProfilerRequest): Promise<void> {
  const [api] = apis;
  if (!api) return;
  api.process.send(request);
  await once(api.process, 'message');
}

/** The part of each node: of a built-in function that of its caller. */
function partsOf(nodes: CpuProfile['nodes']): Map<number, string> {
  const code = new CodeParts();
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parts = new Map<number, string>();
  const visit = (id: number, ofCaller: string): void => {
    const node = byId.get(id);
    if (!node) return;
    const part = code.partOf(node.callFrame) ?? ofCaller;
    parts.set(id, part);
    for (const child of node.children ?? []) visit(child, part);
  };
  visit(nodes[0]?.id ?? 0, 'native code and V8');
  return parts;
}

function addHeap(node: HeapNode, ofCaller: string, code: CodeParts, amounts: Amounts): void {
  const part = code.partOf(node.callFrame) ?? ofCaller;
  if (node.selfSize > 0) amounts.add(part, node.callFrame, node.selfSize);
  for (const child of node.children) addHeap(child, part, code, amounts);
}

function tablesOf({ parts, functions }: Amounts, divisor: number): string {
  const total = [...parts.values()].reduce((sum, one) => sum + one, 0);
  const rows = (amounts: ReadonlyMap<string, number>): string[][] =>
    [...amounts]
      .toSorted(([, a], [, b]) => b - a)
      .slice(0, SHOWN_FUNCTIONS)
      .map(([name, amount]) => [
        name,
        (amount / divisor).toFixed(1),
        `${((amount * 100) / total).toFixed(1)} %`,
      ]);
  const whole = [['all', (total / divisor).toFixed(1), '100 %']];
  return [
    table(['part', 'amount', 'share'], [...whole, ...rows(parts)]),
    table(['function', 'amount', 'share'], rows(functions)),
  ].join('\n\n');
}
