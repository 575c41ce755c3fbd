import type { Locale } from "./locale.ts";

/** A sentence around a code, so that each language puts the digits where it wants them. */
export interface CodeSentence {
  before: string;
  after: string;
}

/** Everything that a caller can hear in one language. Plain text: it is spoken, so it has no markup and no links. */
export interface Prompts {
  /** The code for the first time. */
  speak: CodeSentence;
  /** The code once more. */
  repeat: CodeSentence;
  /** What to do now. */
  loop: string;
  verified: string;
  notVerified: string;
  canceled: string;
  denied: string;
  timedOut: string;
  unavailable: string;
  pleaseHold: string;
  goodbye: string;
}

/** Polite address throughout (usted, vous, Sie, Lei, です/ます), and no thanks that would give the voice a gender. */
const prompts: Record<Locale, Prompts> = {
  "en-US": {
    speak: { before: "Your verification code is ", after: "." },
    repeat: { before: "Once more, your code is ", after: "." },
    loop: "Open the app and enter the code. Press 1 when done, or 0 to cancel.",
    verified: "Thank you. You are verified.",
    notVerified: "We are sorry. We could not verify you.",
    canceled: "The verification was canceled.",
    denied: "The verification was declined in the app.",
    timedOut: "The verification code has expired.",
    unavailable: "We are sorry. Verification is not available right now.",
    pleaseHold: "Please hold.",
    goodbye: "Goodbye.",
  },
  "en-GB": {
    speak: { before: "Your verification code is ", after: "." },
    repeat: { before: "Once again, your code is ", after: "." },
    loop: "Open the app and enter the code. Press 1 when you have finished, or 0 to cancel.",
    verified: "Thank you. You have been verified.",
    notVerified: "We are sorry. We could not verify you.",
    canceled: "The verification was cancelled.",
    denied: "The verification was declined in the app.",
    timedOut: "The verification code has expired.",
    unavailable: "We are sorry. Verification is not available at the moment.",
    pleaseHold: "Please hold the line.",
    goodbye: "Goodbye.",
  },
  "es-US": {
    speak: { before: "Su código de verificación es ", after: "." },
    repeat: { before: "Le repito: su código es ", after: "." },
    loop: "Abra la aplicación e ingrese el código. Oprima 1 cuando termine, o 0 para cancelar.",
    verified: "Gracias. Hemos verificado su identidad.",
    notVerified: "Lo sentimos. No pudimos verificar su identidad.",
    canceled: "La verificación fue cancelada.",
    denied: "La verificación fue rechazada en la aplicación.",
    timedOut: "El código de verificación venció.",
    unavailable: "Lo sentimos. La verificación no está disponible en este momento.",
    pleaseHold: "Por favor, espere en la línea.",
    goodbye: "Hasta luego.",
  },
  "es-ES": {
    speak: { before: "Su código de verificación es ", after: "." },
    repeat: { before: "Se lo repito: su código es ", after: "." },
    loop: "Abra la aplicación e introduzca el código. Pulse 1 cuando haya terminado, o 0 para cancelar.",
    verified: "Gracias. Hemos verificado su identidad.",
    notVerified: "Lo sentimos. No hemos podido verificar su identidad.",
    canceled: "La verificación se ha cancelado.",
    denied: "La verificación se ha rechazado en la aplicación.",
    timedOut: "El código de verificación ha caducado.",
    unavailable: "Lo sentimos. La verificación no está disponible en este momento.",
    pleaseHold: "No cuelgue, por favor.",
    goodbye: "Adiós.",
  },
  "fr-FR": {
    speak: { before: "Votre code de vérification est le ", after: "." },
    repeat: { before: "Je répète, votre code est le ", after: "." },
    loop: "Ouvrez l'application et saisissez le code. Appuyez sur 1 lorsque vous avez terminé, ou sur 0 pour annuler.",
    verified: "Merci. Votre identité est vérifiée.",
    notVerified: "Nous sommes désolés. Nous n'avons pas pu vérifier votre identité.",
    canceled: "La vérification a été annulée.",
    denied: "La vérification a été refusée dans l'application.",
    timedOut: "Le code de vérification a expiré.",
    unavailable: "Nous sommes désolés. La vérification n'est pas disponible pour le moment.",
    pleaseHold: "Veuillez patienter.",
    goodbye: "Au revoir.",
  },
  "fr-CA": {
    speak: { before: "Votre code de vérification est le ", after: "." },
    repeat: { before: "Encore une fois, votre code est le ", after: "." },
    loop: "Ouvrez l'application et entrez le code. Appuyez sur le 1 lorsque vous aurez terminé, ou sur le 0 pour annuler.",
    verified: "Merci. Votre identité est vérifiée.",
    notVerified: "Nous sommes désolés. Nous n'avons pas pu vérifier votre identité.",
    canceled: "La vérification a été annulée.",
    denied: "La vérification a été refusée dans l'application.",
    timedOut: "Le code de vérification est expiré.",
    unavailable: "Nous sommes désolés. La vérification n'est pas disponible en ce moment.",
    pleaseHold: "Veuillez rester en ligne.",
    goodbye: "Au revoir.",
  },
  "de-DE": {
    speak: { before: "Ihr Bestätigungscode lautet ", after: "." },
    repeat: { before: "Ich wiederhole: Ihr Code lautet ", after: "." },
    loop: "Öffnen Sie die App und geben Sie den Code ein. Drücken Sie die 1, wenn Sie fertig sind, oder die 0, um abzubrechen.",
    verified: "Vielen Dank. Ihre Identität ist bestätigt.",
    notVerified: "Es tut uns leid. Wir konnten Ihre Identität nicht bestätigen.",
    canceled: "Die Bestätigung wurde abgebrochen.",
    denied: "Die Bestätigung wurde in der App abgelehnt.",
    timedOut: "Der Bestätigungscode ist abgelaufen.",
    unavailable: "Es tut uns leid. Die Bestätigung ist zurzeit nicht möglich.",
    pleaseHold: "Bitte bleiben Sie in der Leitung.",
    goodbye: "Auf Wiederhören.",
  },
  "pt-BR": {
    speak: { before: "Seu código de verificação é ", after: "." },
    repeat: { before: "Vou repetir: seu código é ", after: "." },
    loop: "Abra o aplicativo e digite o código. Pressione 1 quando terminar, ou 0 para cancelar.",
    verified: "Agradecemos. Sua identidade foi confirmada.",
    notVerified: "Lamentamos. Não foi possível confirmar sua identidade.",
    canceled: "A verificação foi cancelada.",
    denied: "A verificação foi recusada no aplicativo.",
    timedOut: "O código de verificação expirou.",
    unavailable: "Lamentamos. A verificação não está disponível no momento.",
    pleaseHold: "Por favor, aguarde na linha.",
    goodbye: "Até logo.",
  },
  "it-IT": {
    speak: { before: "Il suo codice di verifica è ", after: "." },
    repeat: { before: "Ripeto: il suo codice è ", after: "." },
    loop: "Apra l'app e inserisca il codice. Prema 1 quando ha finito, oppure 0 per annullare.",
    verified: "Grazie. La sua identità è stata verificata.",
    notVerified: "Siamo spiacenti. Non è stato possibile verificare la sua identità.",
    canceled: "La verifica è stata annullata.",
    denied: "La verifica è stata rifiutata nell'app.",
    timedOut: "Il codice di verifica è scaduto.",
    unavailable: "Siamo spiacenti. La verifica non è disponibile al momento.",
    pleaseHold: "Resti in linea, per favore.",
    goodbye: "Arrivederci.",
  },
  "ja-JP": {
    speak: { before: "認証コードは、", after: " です。" },
    repeat: { before: "もう一度お伝えします。認証コードは、", after: " です。" },
    loop: "アプリを開いて、コードを入力してください。完了しましたら 1 を、中止する場合は 0 を押してください。",
    verified: "ありがとうございます。ご本人様の確認ができました。",
    notVerified: "申し訳ございません。ご本人様の確認ができませんでした。",
    canceled: "認証は中止されました。",
    denied: "アプリで認証が拒否されました。",
    timedOut: "認証コードの有効期限が切れました。",
    unavailable: "申し訳ございません。ただいま認証をご利用いただけません。",
    pleaseHold: "そのままお待ちください。",
    goodbye: "失礼いたします。",
  },
};

/** Every prompt of a language. */
export function promptsFor(locale: Locale): Prompts {
  return prompts[locale];
}
