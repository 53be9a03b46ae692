import { type Config, ConfigError, readConfig } from '../config.ts';

/** The options that say which trail is meant. */
export const trailOptions = { config: { type: 'string' }, trail: { type: 'string' } } as const;

/** @returns the trail's folder, and what the configuration says of it where that was what named it */
export function findTrail(values: { config?: string | undefined; trail?: string | undefined }): {
  readonly folder: string;
  readonly config: Config['trail'] | undefined;
} {
  if (values.trail === undefined) {
    const { trail } = readConfig(values.config ?? 'coffer.json');
    return { folder: trail.folder, config: trail };
  }
  if (values.config !== undefined) {
    throw new ConfigError('name the trail by --config or by --trail, one of the two');
  }
  return { folder: values.trail, config: undefined };
}
