import { groupMacInput, type Head, hashLine, origin } from './line.ts';
import type { StoredLine } from './read.ts';

export type Verdict =
  | {
      readonly type: 'whole';
      readonly stream: string | undefined;
      readonly head: Head;
      readonly records: number;
      readonly groups: number;
      /** Groups without a MAC of their own. */
      readonly unsigned: number;
      /** Lines behind the last MAC that was checked (or, without `mac`, that was there): nothing vouches for them. */
      readonly uncovered: number;
    }
  | {
      readonly type: 'wrong';
      readonly segment: number;
      readonly offset: number;
      readonly why: 'torn' | 'not-json' | 'foreign' | 'stream' | 'sequence' | 'previous' | 'segment' | 'mac';
    };

/**
 * Recomputes a stream's chain from its first line on.
 * @param lines a stream from its first line on (`readStream`)
 * @param mac recomputes a group's MAC, 32 bytes; without it MACs are not checked
 * @returns `wrong` with the first line that is not as it must be
 */
export async function verifyChain(
  lines: AsyncIterable<StoredLine> | Iterable<StoredLine>,
  mac?: (data: Buffer) => Promise<Buffer>,
): Promise<Verdict> {
  let head = origin;
  let stream: string | undefined;
  let segment = 0;
  let records = 0;
  let groups = 0;
  let unsigned = 0;
  let uncovered = 0;
  for await (const { segment: number, offset, bytes, whole, parsed } of lines) {
    const wrong = (why: Extract<Verdict, { type: 'wrong' }>['why']) =>
      ({ type: 'wrong', segment: number, offset, why }) as const;
    if (!whole) return wrong('torn');
    if (typeof parsed === 'string') return wrong(parsed);
    stream ??= parsed.stream;
    if (parsed.stream !== stream) return wrong('stream');
    if (parsed.sequence !== head.sequence + 1) return wrong('sequence');
    if (parsed.previous !== head.hash) return wrong('previous');
    const first = offset === 0;
    if (first !== (parsed.type === 'segment')) return wrong('segment');
    uncovered += 1;
    switch (parsed.type) {
      case 'record':
        records += 1;
        break;
      case 'segment':
        if (parsed.segment !== number || parsed.segment !== segment + 1) return wrong('segment');
        segment = number;
        break;
      case 'group':
        groups += 1;
        if (parsed.mac === null) {
          unsigned += 1;
        } else {
          const expected = await mac?.(groupMacInput(parsed));
          if (expected !== undefined && expected.toString('hex') !== parsed.mac) return wrong('mac');
          uncovered = 0;
        }
        break;
      case 'trail-cut':
        break;
    }
    head = { sequence: parsed.sequence, hash: hashLine(bytes) };
  }
  return { type: 'whole', stream, head, records, groups, unsigned, uncovered };
}
