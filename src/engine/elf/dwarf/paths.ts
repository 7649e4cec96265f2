/** Paths as compilers write them: relative ones belong to a directory. */

function isAbsolute(path: string): boolean {
  return /^(?:[/\\]|[A-Za-z]:[/\\])/.test(path);
}

/** `name` in `directory`, without `.` and `..` where that is sure. */
export function joinPath(directory: string, name: string): string {
  if (name === "") return directory;
  if (isAbsolute(name) || directory === "") return normalize(name);
  const separator = /^[A-Za-z]:\\/.test(directory) ? "\\" : "/";
  return normalize(`${directory.replace(/[/\\]$/, "")}${separator}${name}`);
}

function normalize(path: string): string {
  const parts: string[] = [];
  for (const [index, part] of path.split("/").entries()) {
    const last = parts[parts.length - 1];
    if (part === "." || (part === "" && index > 0)) continue;
    if (part === ".." && last !== undefined && last !== "" && last !== "..") parts.pop();
    else parts.push(part);
  }
  return parts.join("/");
}
