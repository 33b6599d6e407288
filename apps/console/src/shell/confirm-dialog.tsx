import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  Field,
  Input,
} from '@fluentui/react-components';
import { type ReactNode, useEffect, useState } from 'react';
import { FailureMessage } from './failure-message.js';
import { useReturnFocus } from './use-return-focus.js';

interface ConfirmDialogProps {
  /** A dialog that is removed while it is open would leave the page hidden from screen readers. */
  readonly isOpen: boolean;
  readonly title: string;
  /** What will happen, in numbers. */
  readonly effect: ReactNode;
  /** What has to be typed, with what it is: `the last 4 characters of the id`. */
  readonly typed: { readonly text: string; readonly what: string };
  /** Whether it takes a reason, which the log keeps. */
  readonly hasReason?: boolean;
  readonly action: string;
  readonly isBusy: boolean;
  readonly error: Error | null;
  readonly onConfirm: (reason: string) => void;
  readonly onClose: () => void;
}

/** Confirms an act that cannot be undone: it takes typing, not a click alone. */
export default function ConfirmDialog(props: ConfirmDialogProps): ReactNode {
  const { title, effect, typed, hasReason = false, action, isBusy, error } = props;
  const [text, setText] = useState('');
  const [reason, setReason] = useState('');
  useReturnFocus(props.isOpen);
  // Each opening takes typing anew.
  useEffect(() => {
    if (props.isOpen) return;
    setText('');
    setReason('');
  }, [props.isOpen]);
  const isConfirmed = text.trim() === typed.text && (!hasReason || reason.trim() !== '');
  const confirm = (): void => {
    if (isConfirmed && !isBusy) props.onConfirm(reason.trim());
  };
  return (
    <Dialog
      open={props.isOpen}
      modalType="alert"
      onOpenChange={(_event, { open }) => {
        if (!open) props.onClose();
      }}
    >
      <DialogSurface>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            confirm();
          }}
        >
          <DialogBody>
            <DialogTitle>{title}</DialogTitle>
            <DialogContent className="confirm">
              <div>{effect}</div>
              {hasReason && (
                <Field label="Reason, kept in the log" hint="such as the number of the request">
                  <Input
                    autoFocus
                    value={reason}
                    maxLength={512}
                    onChange={(_event, { value }) => {
                      setReason(value);
                    }}
                  />
                </Field>
              )}
              <Field
                label={
                  <>
                    Type {typed.what}: <strong>{typed.text}</strong>
                  </>
                }
              >
                <Input
                  autoFocus={!hasReason}
                  autoComplete="off"
                  value={text}
                  onChange={(_event, { value }) => {
                    setText(value);
                  }}
                />
              </Field>
              {error && !isBusy && (
                <FailureMessage error={error} repeats="never" onRetry={confirm} />
              )}
            </DialogContent>
            <DialogActions>
              <Button onClick={props.onClose}>Cancel</Button>
              <Button type="submit" appearance="primary" disabled={!isConfirmed || isBusy}>
                {action}
              </Button>
            </DialogActions>
          </DialogBody>
        </form>
      </DialogSurface>
    </Dialog>
  );
}
