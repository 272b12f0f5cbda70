/** What a generator makes: a file to be checked in. */
export interface Generated {
  /** From the root of the repository. */
  path: string;
  content: string;
}
