// The import fences. The drawing of the same facts is in docs/ARCHITECTURE.md, "Layers": change both in one commit.

/** Engine folder -> the engine folders it may import (besides itself). */
const layers = {
  base: [],
  isa: ["base"],
  codec: ["base", "isa"],
  asm: ["base", "isa", "codec"],
  elf: ["base"],
  bus: ["base"],
  wasm: ["base"],
  cpu: ["base", "isa", "codec", "bus", "wasm"],
  execution: ["base", "isa", "codec", "bus", "wasm", "cpu"],
  devices: ["base", "bus"],
  vmm: ["base", "isa", "codec", "bus", "cpu", "devices"],
  machine: [
    "base",
    "isa",
    "codec",
    "asm",
    "elf",
    "bus",
    "wasm",
    "cpu",
    "execution",
    "devices",
    "vmm",
  ],
  timetravel: [
    "base",
    "isa",
    "codec",
    "asm",
    "elf",
    "bus",
    "wasm",
    "cpu",
    "execution",
    "devices",
    "vmm",
    "machine",
  ],
};

const layer = ([name, mayUse]) => ({
  name: `engine/${name}-uses-only-lower-layers`,
  severity: "error",
  from: { path: `^src/engine/${name}/` },
  to: { path: "^src/engine/", pathNot: `^src/engine/(${[name, ...mayUse].join("|")})/` },
});

module.exports = {
  forbidden: [
    ...Object.entries(layers).map(layer),
    {
      name: "engine-is-closed",
      severity: "error",
      from: { path: "^src/engine/" },
      to: { pathNot: "^src/engine/" },
    },
    {
      name: "front-ends-use-the-machine-door",
      severity: "error",
      from: { path: "^src/(debugAdapter|cli)/" },
      to: { path: "^src/engine/", pathNot: "^src/engine/(index|language)[.]ts$" },
    },
    {
      name: "language-server-uses-the-language-door",
      severity: "error",
      from: { path: "^src/languageServer/" },
      to: { path: "^src/engine/", pathNot: "^src/engine/language[.]ts$" },
    },
    {
      name: "language-door-runs-nothing",
      severity: "error",
      from: { path: "^src/engine/language[.]ts$" },
      to: { path: "^src/engine/", pathNot: "^src/engine/(base|isa|codec|asm)/" },
    },
    {
      name: "extension-holds-no-engine",
      severity: "error",
      from: { path: "^src/extension/" },
      to: { path: "^src/(engine|cli)/" },
    },
    {
      name: "extension-sees-only-the-protocols",
      severity: "error",
      from: { path: "^src/extension/" },
      to: { path: "^src/(debugAdapter|languageServer)/", pathNot: "/protocol[.]ts$" },
    },
    {
      name: "only-the-extension-imports-vscode",
      severity: "error",
      from: { pathNot: "^src/extension/" },
      to: { path: "^vscode$" },
    },
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.base.json" },
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^node_modules/vscode-" },
  },
};
