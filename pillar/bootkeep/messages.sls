# Who is told what of the fleet. For the master's own minion only: give it to no other, it may hold secrets.
# Four things are worth a message: no-go, hook-missed, security-weakened, runbook-overdue.
bootkeep:
  messages:
    rules:
      - name: what must not be rebooted
        kinds: [no-go, hook-missed]
        to: [on-call, chat]
      - name: weakened web hosts
        kinds: [security-weakened]
        hosts: ['web*', 'lb*']
        to: [security]
      - name: paper
        kinds: [runbook-overdue]
        to: [chat]
    destinations:
      - name: on-call
        kind: smtp
        address: mail.example.com:587
        sender: bootkeep@example.com
        to: [ada@example.com, ben@example.com]
        user: bootkeep
        secret_file: /etc/bootkeep/mail.secret
        per_hour: 6
      - name: security
        kind: smtp
        address: mail.example.com:587
        sender: bootkeep@example.com
        to: [security@example.com]
      - name: chat
        kind: webhook
        address: https://chat.example.com/hooks/abc123
    gather_s: 60
    overdue_days: 7
    look_back_days: 7
    pages: https://fleet.example.com
