/** What do rules cost for an event that none of them matches? */
import { printCargoBench } from './support.js'

process.stdout.write('## What do the rules cost for an event that none of them matches?\n\n')
process.stdout.write(
  'The values of the event lie ready, so this is the matcher alone; nothing is allocated. The last ' +
    'figure of a line is that of a process that did more of the kind before.\n\n',
)
printCargoBench('peregrine-rules', 'evaluate')
