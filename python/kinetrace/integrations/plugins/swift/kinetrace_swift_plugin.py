"""ms-swift plug-in: `--external_plugins` of this file, then `--reward_funcs kinetrace_process` and the others."""

from kinetrace.integrations import swift as _swift

NAMES = _swift.register()
