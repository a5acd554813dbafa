// Lets `import` find packages along NODE_PATH, after the package's own node_modules: Node itself does so for `require` only.
// Copied beside the client and loaded before it.
import * as module from "node:module";
import { dirname, basename } from "node:path";
import { pathToFileURL } from "node:url";

const parents = (process.env.NODE_PATH ?? "")
  .split(":")
  .filter((folder) => basename(folder) === "node_modules")
  .map((folder) => pathToFileURL(`${dirname(folder)}/_`).href);
const missing = (error) => error.code === "ERR_MODULE_NOT_FOUND" || error.code === "MODULE_NOT_FOUND";
const bare = (specifier) => !/^([./]|[a-z]+:)/.test(specifier);

// Newer Node: in this thread. Older: the same, in the thread that Node has for such hooks.
if (module.registerHooks) {
  module.registerHooks({
    resolve(specifier, context, next) {
      try {
        return next(specifier, context);
      } catch (error) {
        if (!missing(error) || !bare(specifier)) throw error;
        for (const parentURL of parents) {
          try {
            return next(specifier, { ...context, parentURL });
          } catch (other) {
            if (!missing(other)) throw other;
          }
        }
        throw error;
      }
    },
  });
} else {
  const source = `
    const parents = ${JSON.stringify(parents)};
    const missing = ${missing};
    const bare = ${bare};
    export async function resolve(specifier, context, next) {
      try {
        return await next(specifier, context);
      } catch (error) {
        if (!missing(error) || !bare(specifier)) throw error;
        for (const parentURL of parents) {
          try {
            return await next(specifier, { ...context, parentURL });
          } catch (other) {
            if (!missing(other)) throw other;
          }
        }
        throw error;
      }
    }`;
  module.register(`data:text/javascript,${encodeURIComponent(source)}`);
}
