# Kernels side by side: installed, never upgraded in place; the ones that matter are safe from autoremove.
{%- from "bootkeep/map.jinja" import bootkeep with context %}

include:
  - bootkeep.install
  - bootkeep.preserved

{%- for package, version in bootkeep.kernel.packages.items() %}

bootkeep-kernel-{{ package }}-installed:
  bootkeep.kernel_installed:
    - name: {{ package | tojson }}
    - version: {{ version | string | tojson }}
    - require:
      - bootkeep: bootkeep-preserved-last-good
{%- if bootkeep.kernel.front_end == "apt" %}
    - require_in:
      - bootkeep: bootkeep-kernel-kept
{%- else %}
      - bootkeep_kernel: bootkeep-kernel-install-only
{%- endif %}
{%- endfor %}

{%- if bootkeep.kernel.front_end == "apt" %}

bootkeep-kernel-kept:
  bootkeep.kernels_kept:
    - name: /etc/apt/apt.conf.d/90bootkeep-kernels
    - keep: {{ bootkeep.policy.keep_kernels }}
    - minimum: {{ bootkeep.policy.minimum_kernels }}
    - unattended_removal: {{ bootkeep.kernel.unattended_removal | tojson }}
    - require:
      - bootkeep: bootkeep-install-configuration
{%- else %}

bootkeep-kernel-install-only:
  bootkeep_kernel.install_only_enforced:
    - name: {{ bootkeep.kernel.front_end }}
    - keep: {{ bootkeep.policy.keep_kernels }}
    - require:
      - bootkeep: bootkeep-install-configuration
      - bootkeep: bootkeep-preserved-last-good
{%- endif %}
