import type { CheckpointFinding, Described, Finding, Witness } from '../audit/proof/finding.ts';
import type { StreamReport } from '../audit/proof/stream.ts';
import type { TrailReport } from '../audit/proof/trail.ts';

/** What a person is to know of a trail: what was looked at, what is wrong, and what can't be known. */
export function printReport(report: TrailReport): string {
  const lines = [
    `trail ${report.folder}`,
    ...report.streams.map(printStream),
    ...printCheckpoints(report),
    '',
  ];
  if (report.findings.length > 0)
    lines.push(...report.findings.map((finding) => `WRONG: ${explain(finding)}`));
  else if (report.verdict === 'unknown')
    lines.push('UNKNOWN: the chains hold, but nothing is signed: there is no checkpoint');
  else lines.push('WHOLE: every chain and signature holds');
  lines.push('', 'What this can not know:', ...doubts(report).map((doubt) => `- ${doubt}`));
  return `${lines.join('\n')}\n`;
}

function printStream(stream: StreamReport): string {
  const { slot, segments, lines, records, finding } = stream;
  const id = stream.stream === undefined ? 'no stream' : `stream ${stream.stream}`;
  const state = finding === undefined ? 'whole' : 'WRONG, counted up to there';
  return `  ${slot}: ${id}, ${count(records, 'record')} in ${count(lines, 'line')} and ${count(segments, 'file')}: ${state}`;
}

function printCheckpoints({ checkpoints, anchor, key }: TrailReport): string[] {
  const lines: string[] = [];
  for (const report of [checkpoints, anchor]) {
    if (report === undefined) continue;
    const { from, signed, last } = report;
    const name = from === 'trail' ? 'checkpoints' : 'anchor';
    const end = last === undefined ? '' : `, the last is ${last.number} of ${last.time}`;
    lines.push(`  ${name}: ${signed} signed${end}`);
  }
  if (key !== undefined) lines.push(`  key: SHA-256 ${key.fingerprint}`);
  return lines;
}

function explain(finding: Finding): string {
  switch (finding.type) {
    case 'changed':
      return `${place(finding.at)} was changed${finding.orNext ? ', or the line after it' : ''}`;
    case 'added':
      return `${place(finding.at)} was added`;
    case 'reordered':
      return `${place(finding.at)} does not stand where it was written: lines were put in another order`;
    case 'dropped':
      return `${range(finding.first, finding.last)} of ${finding.at.slot} ${finding.first === finding.last ? 'was' : 'were'} dropped, before ${place(finding.at)}`;
    case 'rewritten':
      return `${range(finding.first, finding.last)} of ${finding.slot}: one was changed, dropped or added, and what follows hashed anew, for ${witness(finding.witness)} has signed another line ${finding.last}`;
    case 'cut-back':
      return `${finding.slot} was cut back: it ends with line ${finding.last}, and ${witness(finding.witness)} has signed line ${finding.signed}`;
    case 'vanished':
      return `the stream ${finding.stream ?? ''} (${finding.slot}) is gone: ${witness(finding.witness)} has signed its line ${finding.signed}`;
    case 'unreadable':
      return finding.reason;
    case 'checkpoint':
      return explainCheckpoint(finding);
    case 'checkpoints-cut-back':
      return `the checkpoints were cut back: the trail's end with ${finding.last}, the anchor has ${finding.anchor}`;
    case 'key':
      return `no checkpoint is signed by the key ${finding.fingerprint}: the key was replaced, or all checkpoints were`;
    case 'key-replaced':
      return `the key in the trail's folder is not the one that was given, but ${finding.fingerprint}`;
    case 'no-checkpoints':
      return 'there is a key for checkpoints and no checkpoint: they were removed';
  }
}

function explainCheckpoint(finding: CheckpointFinding): string {
  const number = finding.number === undefined ? 'a checkpoint' : `checkpoint ${finding.number}`;
  const file = finding.from === 'trail' ? 'checkpoints.jsonl' : 'the anchor';
  const where = `${number} (line ${finding.line} of ${file})`;
  switch (finding.why) {
    case 'unreadable':
      return `line ${finding.line} of ${file} was changed: it is no checkpoint`;
    case 'signature':
      return `${where} was changed: the key has not signed it`;
    case 'differs':
      return `${where} is not the one that the anchor has`;
    case 'dropped':
      return `checkpoints ${finding.after + 1} to ${Number(finding.number) - 1} were dropped, before line ${finding.line} of ${file}`;
    case 'added':
      return `${where} follows checkpoint ${finding.after}: it was added, or put in another order`;
    case 'previous':
      return `${where} does not follow the one before it: one of them was replaced`;
    case 'store':
      return `${where} is of another store than the one before it`;
    case 'heads':
      return `${where} leaves out what the one before it had signed`;
  }
}

function doubts({ checkpoints, anchor, key, streams }: TrailReport): string[] {
  const last = anchor?.last ?? checkpoints?.last;
  const behind = streams.filter((stream) => stream.behind > 0);
  const list = behind.map(
    ({ slot, behind, behindSince }) =>
      `${slot} ${behind}${behindSince === undefined ? '' : ` since ${behindSince}`}`,
  );
  const after = last === undefined ? 'at any time' : `after checkpoint ${last.number} of ${last.time}`;
  const groups = sum(streams, ({ groups }) => groups);
  const unsigned = sum(streams, ({ unsigned }) => unsigned);
  return [
    `what was cut off or written anew ${after}${list.length === 0 ? '' : `; lines behind the last signed one: ${list.join(', ')}`}`,
    ...(key?.given === false
      ? [
          "whether the key is the token's: it was taken from the trail's own folder. Keep a copy elsewhere, and name it with --public-key",
        ]
      : []),
    ...(anchor === undefined
      ? ['whether the whole folder was put back to what it once was: name an anchor with --anchor']
      : []),
    `whether the MACs are right, without the token: ${count(groups - unsigned, 'group')} have one, ${unsigned} don't`,
  ];
}

function place({ slot, segment, line, sequence, eventId, time }: Described): string {
  const details = [
    ...(sequence === undefined ? [] : [`sequence ${sequence}`]),
    ...(time === undefined ? [] : [time]),
    ...(eventId === undefined ? [] : [`event ${eventId}`]),
  ];
  const file = `${slot}/${String(segment).padStart(6, '0')}.jsonl`;
  return `line ${line} of ${file}${details.length === 0 ? '' : ` (${details.join(', ')})`}`;
}

function witness({ checkpoint, time, from }: Witness): string {
  return `checkpoint ${checkpoint} of ${time}${from === 'anchor' ? ', which the anchor has,' : ''}`;
}

function range(first: number, last: number): string {
  return first === last ? `line ${first}` : `lines ${first} to ${last}`;
}

function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
