/** The guest used something that real hardware has and this machine does not simulate: the run ends with an explanation instead of a wrong result. */
export class UnsupportedFeature extends Error {
  readonly code = "unsupported-feature";

  constructor(message: string) {
    super(message);
    this.name = "UnsupportedFeature";
  }
}
