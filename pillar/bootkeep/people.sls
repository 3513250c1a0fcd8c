# Whom to call: printed in the runbook. These people are fictional; put yours here.
bootkeep:
  people:
    - name: Ada Example
      role: primary
      phone: "+1 555 0100"
      email: ada@example.com
      hours: "Mon-Fri 08:00-17:00 UTC"
    - name: Ben Example
      role: backup
      phone: "+1 555 0101"
      email: ben@example.com
      hours: "nights and weekends"
    - name: Example Hosting support
      role: vendor
      phone: "+1 555 0110"
      email: support@example.com
      hours: "around the clock, contract 4711"

  # Where the host stands and what is at hand: printed on the cover. Once a copy is filed, its id goes here, and the state
  # bootkeep.runbook.printed fails as soon as that copy no longer describes the host.
  # site:
  #   location: "Example DC, row 4, rack 12"
  #   console: "https://bmc.example.com"
  #   rescue_medium: "Debian live stick, drawer of rack 12"
  #   runbook_place: "binder at rack 12"
  #   passphrase_place: "safe in room 2"
  #   backup: "backup1, nightly"
  #   printed_runbook: RB-1A2B3C4D
