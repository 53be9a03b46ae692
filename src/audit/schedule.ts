/** Runs something once, later. @returns what calls it off */
export type Schedule = (milliseconds: number, run: () => void) => () => void;

/** By the machine's timers, which keep no process alive. */
export const afterMilliseconds: Schedule = (milliseconds, run) => {
  const timer = setTimeout(run, milliseconds).unref();
  return () => clearTimeout(timer);
};
